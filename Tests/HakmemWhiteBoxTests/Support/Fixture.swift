import CHakmemShims
import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// The allocator's layers, set up as the process does it at its first call.
enum Fixture {
  static func setUp() {
    ProcessFacts.learn()
    Secret.learn()
    Option.readEnvironment()
    ProcessFacts.learnLimits()
    SizeClass.learn()
    ThreadCache.learnLayout()
    createAddressSpace()
    if !Depot.create() { Fatal.stop("the allocator cannot be set up") }
    hakmem_create_thread_exit_key()
    Interception.start()
  }

  /// The part of it that memory comes from.
  static func createAddressSpace() {
    if whitebox_is_sanitized() != 0 {
      // ThreadSanitizer has what lies between 512 GiB and 112 TiB.
      ProcessFacts.addressesEnd = 1 << 39
    }
    if !ClassMap.create() { Fatal.stop("the address space cannot be set up") }
    MetadataRegion.begin()
  }

  /// Lies in the way of whatever is mapped there.
  static func occupy(_ range: Range<UInt>) {
    expect(
      SystemCalls.mapNew(
        at: range.lowerBound, byteCount: UInt(range.count), protection: .none) == .mapped)
  }

  static func setUp(_ name: StaticString, _ value: StaticString) {
    set(name, value)
    setUp()
  }

  static func set(_ name: StaticString, _ value: StaticString) {
    whitebox_set_environment(
      UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
      UnsafeRawPointer(value.utf8Start).assumingMemoryBound(to: CChar.self))
  }

  /// The calling thread's cache as the interface finds it.
  static func usableCache() -> ThreadCache {
    let cache = ThreadCache.current
    switch cache.kind {
    case .open: return cache
    case .intercepted, .sampled: return cache.opened
    case .closed: return Gate.pass(cache)
    case .initial, .exited:
      guard let cache = ThreadCache.adopt() else { Fatal.stop("no thread cache") }
      return cache
    }
  }

  /// Zero memory for a test's own use.
  static func memory(_ byteCount: Int) -> UInt {
    guard let start = SystemCalls.map(byteCount: UInt(byteCount), protection: .readWrite) else {
      Fatal.stop("no memory for a test")
    }
    return start
  }

  /// Atomic words of a test's own, all 0.
  static func words(_ count: Int) -> UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: memory(count * 8))
  }

  /// Runs `body` on that many threads that begin together.
  static func onThreads(_ count: Int, _ body: @escaping (Int) -> Void) {
    let box = UnsafeMutablePointer<(Int) -> Void>.allocate(capacity: 1)
    box.initialize(to: body)
    whitebox_run_threads(
      Int32(count),
      { index, context in
        context.unsafelyUnwrapped.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(index))
      }, box)
    box.deinitialize(count: 1)
    box.deallocate()
  }

  /// Runs `body` in a child and returns its exit status, or 128 and a signal's number. Failures so
  /// far are the child's as well.
  static func inChild(seconds: Int32 = 20, _ body: @escaping () -> Void) -> Int {
    let child = whitebox_fork()
    if child == 0 {
      whitebox_alarm(seconds)
      body()
      whitebox_end_child(Expectation.failureCount == 0 ? 0 : 1)
    }
    return Int(whitebox_wait(child))
  }

  /// What `body` writes to stderr.
  static func messages(_ body: () -> Void) -> Messages {
    whitebox_begin_capture()
    body()
    let buffer: UnsafeMutablePointer<CChar> = Memory.pointer(at: memory(1 << 16))
    return Messages(bytes: buffer, count: whitebox_end_capture(buffer, 1 << 16))
  }

  static let abortStatus = 128 + 6
}

struct Messages {
  let bytes: UnsafeMutablePointer<CChar>
  let count: Int

  func occurrences(of text: StaticString) -> Int {
    let length = text.utf8CodeUnitCount
    guard length > 0, length <= count else { return 0 }
    var found = 0
    for start in 0...(count - length) {
      var index = 0
      while index < length, UInt8(bitPattern: bytes[start + index]) == text.utf8Start[index] {
        index += 1
      }
      if index == length { found += 1 }
    }
    return found
  }

  func contains(_ text: StaticString) -> Bool { occurrences(of: text) > 0 }
}

/// Numbers from a seed (G. Steele et al., SplitMix, 2014).
struct Random {
  private var state: UInt
  init(_ seed: Int) { state = UInt(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

  mutating func next() -> UInt {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt(bound)) }
  mutating func bool() -> Bool { next() & 1 != 0 }
}
