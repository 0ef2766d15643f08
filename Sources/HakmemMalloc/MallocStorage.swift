import CHakmemShims
import HakmemPlatform

/// Where the layer's state lies in its zeroed storage.
enum MallocStorage {
  private static var base: UInt { UInt(bitPattern: hakmem_malloc_storage()) }
  static var process: UInt { base }
  static var limitCallback: UInt { base &+ 64 }

  static var fault: StaticString? {
    var map = StorageMap(base, byteCount: Int(hakmem_malloc_bytes))
    map.add(process, Process.stateBytes)
    map.add(limitCallback, LimitCallback.stateBytes)
    return map.fault
  }
}
