import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// A thread's stacks of free blocks, one for each size class.
///
/// The header is what both fast paths read: the class of each small size, and for each class a bin
/// of two words, the stack's top and its limit. Below every stack lies a zero word, where `malloc`
/// finds nothing; bin 0 is full for ever, so that `free` of a pointer without a class leaves the
/// fast path without a branch of its own.
///
/// Behind it lies a second header whose bins are all empty and full: while the thread's word points
/// there, every call takes the slow path. Only the owner changes the open header; who wants the
/// thread to stop changes its word.
package struct ThreadCache: Equatable {
  package let address: UInt
  @inline(__always)
  package init(unsafeAt address: UInt) { self.address = address }

  /// The calling thread's header, open or closed: the one that allocation reads.
  @inline(__always)
  package static var current: ThreadCache { ThreadCache(unsafeAt: hakmem_get_allocating_header()) }

  /// The one that `free` reads: another than `current` only while the heap is sampled.
  @inline(__always)
  package static var freeing: ThreadCache { ThreadCache(unsafeAt: hakmem_get_freeing_header()) }

  enum Offset {
    /// First, so that a bin's words are addressed without a displacement.
    static let bins: UInt = 0
    static let classOf: UInt = 1936
    static let kind: UInt = 3992
    static let checkedCache: UInt = 4000
    static let sampledCache: UInt = 4008
    static let owner: UInt = 4016
    static let closedHeader: UInt = 4032
    static let record: UInt = 8064
    static let slots: UInt = 8576
  }

  // MARK: Fast paths

  /// The bin for a size of at most `SizeClass.fastMaximumBytes`.
  @inline(__always)
  package func bin(forSize byteCount: UInt) -> Bin {
    bin(forDoubledClass: doubledClass(forSize: byteCount))
  }

  /// Twice the class for a size of at most `SizeClass.fastMaximumBytes`.
  @inline(__always)
  package func doubledClass(forSize byteCount: UInt) -> UInt {
    Memory.loadByte(at: address &+ Offset.classOf &+ (byteCount &+ 15) >> 4)
  }

  /// The class for a size of at most `SizeClass.fastMaximumBytes`, nil for a larger one.
  @inline(__always)
  package func sizeClass(serving byteCount: UInt) -> SizeClass? {
    guard byteCount <= SizeClass.fastMaximumBytes else { return nil }
    return SizeClass(doubled: doubledClass(forSize: byteCount))
  }

  @inline(__always)
  package func bin(forDoubledClass doubledClass: UInt) -> Bin {
    bin(at: ClassMap.binOffset(ofDoubledClass: doubledClass))
  }

  /// The bin at `ClassMap.binOffset`.
  @inline(__always)
  package func bin(at offset: UInt) -> Bin {
    Bin(base: hakmem_in_register(address &+ offset))
  }

  /// A stack of free blocks: the words `top` and `limit`.
  package struct Bin {
    let base: UInt

    @inline(__always)
    package var top: UInt {
      get { Memory.loadWord(at: base &+ Offset.bins) }
      nonmutating set { Memory.storeWord(newValue, at: base &+ Offset.bins) }
    }
    @inline(__always)
    package var limit: UInt {
      get { Memory.loadWord(at: base &+ Offset.bins &+ 8) }
      nonmutating set { Memory.storeWord(newValue, at: base &+ Offset.bins &+ 8) }
    }

    /// Takes the newest block; 0 when the bin is empty.
    @inline(__always)
    package func pop() -> UInt {
      let top = top
      let block = Memory.loadWord(at: top &- 8)
      if block != 0 { self.top = top &- 8 }
      return block
    }

    /// Puts a block on top; false when the bin is full.
    @inline(__always)
    package func push(_ block: UInt) -> Bool {
      let top = top
      guard _fastPath(top != limit) else { return false }
      Memory.storeWord(block, at: top)
      self.top &+= 8
      return true
    }
  }

  // MARK: Kinds of headers

  package enum Kind: UInt {
    /// The thread has no cache yet.
    case initial = 1
    /// The thread's cache was given up as the thread ended.
    case exited = 2
    case closed = 3
    case open = 4
    /// As closed, but the thread need not wait: something looks at each of its calls.
    case intercepted = 5
    /// Of a `SampledCache`.
    case sampled = 6
  }
  @inline(__always)
  package var isOpen: Bool { Memory.loadWord(at: address &+ Offset.kind) == Kind.open.rawValue }
  package var kind: Kind { Kind(rawValue: Memory.loadWord(at: address &+ Offset.kind)) ?? .initial }
  /// The open header of a closed one.
  package var opened: ThreadCache {
    switch kind {
    case .closed, .intercepted: ThreadCache(unsafeAt: address &- Offset.closedHeader)
    case .sampled: SampledCache(unsafeAt: Memory.loadWord(at: address &+ Offset.owner)).cache
    case .initial, .exited, .open: self
    }
  }
  var closedHeader: UInt { address &+ Offset.closedHeader }
  /// What the second header of an open cache is at present: closed or intercepted.
  func setClosedKind(_ kind: Kind) {
    Memory.storeWord(kind.rawValue, at: closedHeader &+ Offset.kind)
  }

  // MARK: The owner's record

  struct Record: ~Copyable {
    /// Link in the stack of parked caches.
    let link: Atomic<UInt64>
    /// The owner is in a slow path; its bins may be half changed.
    let isBusy: Atomic<UInt8>
    let isOwned: Atomic<UInt8>
    /// Where the owner's thread-local words lie.
    var ownersWords: UInt
    /// Link in the list of all caches, which only grows.
    var nextOfAll: UInt
    var slowCalls: UInt
    /// For large blocks.
    var largeCalls: UInt32
    var refills: UInt
    var overflows: UInt
    var parkedAt: UInt32
    /// Where they lay of the owner that ended last.
    var lastOwnersWords: UInt
    /// The round of trimming that wants to trim the cache; 0 for none. Under the lock `control`.
    var trimRequest: UInt32
    /// Its last owner gave blocks back as it ended, which the next one may want.
    var gaveBack: Bool
    /// A trimmer left zero words at the bottom of bins. Under the lock `control`.
    var hasGaps: Bool
    /// What bins and runs looked like at the trimmer's last look.
    var sumAtLook: UInt
    /// A bit for each class that had a slow call since the last look, by its number modulo 64.
    var activeClasses: UInt64
    /// A bit for each class whose last blocks went to the slabs, unless it was refilled since: nobody
    /// wants more.
    var surplusClasses: InlineArray<2, UInt64>
    var lastLook: UInt32
    var runCount: UInt32
    var runBytes: UInt
    /// What the bins of medium classes have room for.
    var mediumBytes: UInt
    /// How often there was no room for more, when it was so many times, and how often that room was
    /// doubled since.
    var refusals: UInt32
    var manyRefusalsAt: UInt32
    var doublings: UInt8
    /// The class of the last batch that came from the depot.
    var lastBatchClass: UInt8
    var runs: InlineArray<16, UInt>
    var runMarks: InlineArray<16, UInt>
    /// The owner's `CheckedCache`; 0 unless blocks are checked.
    var checkedCache: UInt
    /// Its `SampledCache`; 0 before the heap was ever sampled.
    var sampledCache: UInt
    /// Allocations until one is guarded (`GuardSampler`); 0 before the first.
    var untilSample: UInt
    /// The heap profile's: bytes until the next sample, the source of distances, allocations so far.
    var untilHeapSample: Int
    var random: UInt
    var allocations: UInt
    var emptyBatches: EmptyBatches
    /// Blocks taken in place of smaller ones since then (Clock.milliseconds).
    var largerTaken: UInt32
    var largerTakenAt: UInt32
    /// Where the owner's stack is known to be mapped from (`StackExtent`); 0 before that was asked.
    var stackKnownFrom: UInt
  }
  var record: UnsafeMutablePointer<Record> { Memory.pointer(at: address &+ Offset.record) }
  init(unsafeRecord record: UInt) { address = record &- Offset.record }

  /// First slot of a class; the zero word lies below it.
  package func firstSlot(_ sizeClass: SizeClass) -> UInt {
    address &+ ThreadCacheLayout.firstSlotOffset(sizeClass)
  }

  package func bin(_ sizeClass: SizeClass) -> Bin { bin(forDoubledClass: sizeClass.doubled) }

  /// Whether the class's bin is still the one that all classes begin with.
  func isUnused(_ sizeClass: SizeClass) -> Bool { bin(sizeClass).top == bin(.none).top }

  /// Blocks of a class in the cache; of one that was trimmed, with those that were taken.
  package func count(_ sizeClass: SizeClass) -> Int {
    max(Int(bitPattern: bin(sizeClass).top &- firstSlot(sizeClass)), 0) / 8
  }

  /// Calls `body` for every block of a class in the cache. Exact for a thread at rest.
  package func forEachBlock(_ sizeClass: SizeClass, _ body: (UInt) -> Void) {
    var slot = firstSlot(sizeClass)
    let top = bin(sizeClass).top
    while slot < top {
      let block = Memory.loadWord(at: slot)
      // A trimmer may have taken it.
      if block != 0 { body(block) }
      slot &+= 8
    }
  }
}
