import CHakmemShims
import Synchronization

/// What lies where in the allocator's address space, written down as it changes, in a file that the
/// tool reads: so it can tell whose memory a page fault hit at the moment of the fault.
///
/// Written on slow paths only, without a lock, and only while HAKMEM_PROFILE names a folder. The file
/// is made with all its blocks, so that a disk that fills up later does no harm; what no longer fits
/// is counted.
package enum MapLog {
  /// What an entry says. The tool knows these numbers.
  package enum Event: UInt {
    /// A SuperSlab came, or changed its use: the class is its `SpanKind`.
    case superSlab = 1
    /// A slab of a class was born, or died: class 0.
    case slab = 2
    /// A large block lies here from now on.
    case large = 3
    /// What lay here is unmapped.
    case unmapped = 4
    case metadata = 5
    case classMap = 6
    /// The pages went back to the kernel.
    case purged = 7
    /// A thread's pointer to its thread-local storage.
    case thread = 8
    /// The library is loaded and set up, the program's own start follows.
    case began = 9
    /// The process ends: its last destructors run.
    case ends = 10
    /// What lay here was moved, with its pages, to where a large block is noted next.
    case moved = 11
    /// Pages were filled ahead of their use. In place of a length: their number << 24 | the faults that
    /// the kernel charged for them.
    case populated = 12
  }

  struct State {
    var file: UInt
  }

  private enum Offset {
    static let magic: UInt = 0
    static let count: UInt = 8
    static let capacity: UInt = 16
    static let process: UInt = 24
    static let parent: UInt = 32
    static let startedAt: UInt = 40
    static let entries: UInt = 64
  }
  private static let magic: UInt = 0x3150_414d_4d4b_4148
  private static let entryBytes: UInt = 24
  private static let fileBytes: UInt = 4 << 20

  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.mapLog)
  }

  @inline(__always)
  package static var isOn: Bool { state.pointee.file != 0 }

  /// Begins a log; the caller then notes what is there already. False when no folder is given or no
  /// file can be made in it.
  package static func begin(parent: UInt32) -> Bool {
    guard ProfileFolder.isSet else { return false }
    let process = SystemCalls.processID()
    let file = ProfileFolder.withPath("map", process: process) {
      SystemCalls.mapNewFile($0, byteCount: fileBytes)
    }
    guard let file else { return false }
    Memory.storeWord((fileBytes &- Offset.entries) / entryBytes, at: file &+ Offset.capacity)
    Memory.storeWord(UInt(process), at: file &+ Offset.process)
    Memory.storeWord(UInt(parent), at: file &+ Offset.parent)
    Memory.storeWord(UInt(hakmem_exact_nanoseconds()), at: file &+ Offset.startedAt)
    Memory.storeWord(magic, at: file &+ Offset.magic)
    state.pointee.file = file
    return true
  }

  /// The file stays mapped: a thread may be writing.
  package static func end() { state.pointee.file = 0 }

  /// In the child of a fork: its own log, on from what its parent's says up to now.
  package static func continueInChild() {
    guard isOn else { return }
    let parents = state.pointee.file
    let parent = UInt32(truncatingIfNeeded: Memory.loadWord(at: parents &+ Offset.process))
    state.pointee.file = 0
    SystemCalls.unmap(parents, fileBytes)
    _ = begin(parent: parent)
  }

  @inline(__always)
  package static func note(
    _ event: Event, _ start: UInt, _ byteCount: UInt = 0, class number: UInt = 0
  ) {
    if isOn { write(event, start, byteCount, number) }
  }

  @inline(never)
  private static func write(_ event: Event, _ start: UInt, _ byteCount: UInt, _ number: UInt) {
    let file = state.pointee.file
    let count: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: file &+ Offset.count)
    let index = count.pointee.wrappingAdd(1, ordering: .relaxed).oldValue
    guard index < Memory.loadWord(at: file &+ Offset.capacity) else { return }
    let entry = file &+ Offset.entries &+ index &* entryBytes
    Memory.storeWord(start, at: entry &+ 8)
    Memory.storeWord(byteCount << 16 | number << 8 | event.rawValue, at: entry &+ 16)
    // Last: an entry without a time is not written yet.
    Memory.storeWord(UInt(hakmem_exact_nanoseconds()), at: entry)
  }
}
