import CHakmemShims
import HakmemPlatform

/// Where the recorder's state lies in its zeroed storage.
package enum RecorderStorage {
  static var base: UInt { UInt(bitPattern: hakmem_recorder_storage()) }
  static var state: UInt { base }
}
