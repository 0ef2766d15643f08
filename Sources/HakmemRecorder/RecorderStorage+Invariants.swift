import CHakmemShims
import HakmemPlatform

extension RecorderStorage {
  package static var fault: StaticString? {
    var map = StorageMap(base, byteCount: Int(hakmem_recorder_bytes))
    map.add(state, MemoryLayout<Recorder.State>.size)
    return map.fault
  }
}
