import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemRecorder
import HakmemSlabs
import Synchronization

/// Caches come and go with threads. One that a thread leaves is parked, and the next new thread goes on
/// with it: with its blocks while threads follow one another, else without.
extension ThreadCache {
  /// Caches without owners: as their threads left them; those of them that are to be flushed, which
  /// a flush takes one by one, so that new threads find the others; and those that were flushed.
  private static var parked: TaggedStack { TaggedStack(unsafeAt: CacheStorage.parked) }
  private static var aged: TaggedStack { TaggedStack(unsafeAt: CacheStorage.aged) }
  private static var flushed: TaggedStack { TaggedStack(unsafeAt: CacheStorage.flushed) }

  private static var allHead: UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: CacheStorage.all)
  }

  package static func learnLayout() { ThreadCacheLayout.learn() }

  /// A cache for the calling thread, which has none; nil for one that made few calls so far, whose
  /// blocks come from and go to the slabs one by one: a thread that allocates once and then sleeps
  /// takes no memory but its blocks. The first thread, and one that finds a parked cache, get it at
  /// once.
  package static func adoptIfWorthIt() -> ThreadCache? {
    let mostCallsWithout = 16
    guard hakmem_count_thread_call() <= mostCallsWithout, !Interception.isActive,
      !HeapProfile.isSampling, first != nil,
      parked.isEmpty, aged.isEmpty, flushed.isEmpty
    else { return adopt() }
    Gate.wait()
    return nil
  }

  /// Gives the calling thread, which has none, a cache; nil when memory is exhausted.
  package static func adopt() -> ThreadCache? {
    let lock = Gate.waitAndLock()
    guard let cache = takeParked() ?? create() else {
      lock.release()
      return nil
    }
    cache.record.pointee.ownersWords = UInt(bitPattern: hakmem_thread_header_words())
    cache.record.pointee.isOwned.store(1, ordering: .relaxed)
    cache.record.pointee.stackKnownFrom = 0
    cache.attach()
    lock.release()
    cache.drainSampledCacheUnlessUsed()
    MapLog.note(.thread, hakmem_thread_pointer())
    // May allocate, which the cache serves by now.
    _ = hakmem_register_thread_exit(cache.address)
    return cache
  }

  private static func takeParked() -> ThreadCache? {
    var record = takePredecessors(from: parked)
    if record == 0 { record = aged.pop() }
    if record == 0 { record = flushed.pop() }
    guard record != 0 else { return nil }
    let cache = ThreadCache(unsafeRecord: record)
    if cache.record.pointee.gaveBack {
      parkingCredit.regret(1, returnedAt: cache.record.pointee.parkedAt)
      cache.record.pointee.gaveBack = false
    }
    return cache
  }

  /// Of the caches parked last the one of the thread whose stack this one took over, else the newest.
  /// libc gives a new thread the stack of the one that its creator waited for, whose work it goes on
  /// with: where two such pairs exchanged their caches, both would write to the same cache lines from
  /// then on.
  private static func takePredecessors(from stack: TaggedStack) -> UInt {
    let mostPassed = 8
    let words = UInt(bitPattern: hakmem_thread_header_words())
    var passed: UInt = 0
    var passedCount = 0
    var record = stack.pop()
    while record != 0, ThreadCache(unsafeRecord: record).record.pointee.lastOwnersWords != words {
      TaggedStack.setNext(passed, after: record)
      passed = record
      passedCount += 1
      record = passedCount < mostPassed ? stack.pop() : 0
    }
    while passed != 0 {
      let next = TaggedStack.next(after: passed)
      if next == 0, record == 0 { return passed }
      stack.push(passed)
      passed = next
    }
    return record
  }

  /// Caches that are worth parking with their blocks: threads came soon after others had ended.
  private static var parkingCredit: KeepCredit { KeepCredit(unsafeAt: CacheStorage.parkingCredit) }

  private static func create() -> ThreadCache? {
    if first == nil { MetadataRegion.fillNextPages() }
    guard let cache = ThreadCacheLayout.create() else { return nil }
    cache.record.pointee.nextOfAll = allHead.pointee.load(ordering: .relaxed)
    // Releases the cache's fields to those who walk the list.
    allHead.pointee.store(cache.address, ordering: .releasing)
    return cache
  }

  /// Parks the calling thread's cache. Blocks that the thread frees from now on go to their slabs.
  package func leave() {
    sampledCache?.drain()
    dropRuns()
    let keepsAll = Self.parkingCredit.bytes > 0 || Hardening.isOn
    let keepsSome = keepsAll || giveBack()
    record.pointee.gaveBack = !keepsAll
    // Under the lock, or the gate could be closed with a thread-local word that is no more.
    let lock = Lock(.control)
    lock.acquire()
    hakmem_set_thread_headers(hakmem_exited_cache_header(), hakmem_exited_cache_header())
    closeGaps()
    disown()
    lock.release()
    (keepsSome ? Self.parked : Self.flushed).push(address &+ Offset.record)
    if !keepsAll { Self.emptyAllUnlessShared() }
  }

  /// Returns every block to the slabs. Among several threads those that share cache lines stay, which
  /// are little memory: else any thread would take them, between blocks that the thread's successor goes
  /// on with. Answers whether they stayed.
  private func giveBack() -> Bool {
    let mostParked = 16
    let (owned, parked) = Self.counts
    let keepsSmall = owned > 2 && parked < mostParked
    let firstUnshared = SizeClass.serving(2 &* Constants.lineBytes &+ 1)
    flush(toSlabs: true, from: keepsSmall ? firstUnshared : SizeClass(1))
    return keepsSmall
  }

  /// When one thread at most has a cache, returns what threads that ended left and what all had at hand
  /// together.
  private static func emptyAllUnlessShared() {
    guard counts.owned <= 1 else { return }
    flushParked(age: 0)
    Depot.emptyAll(reject: Misuse.report)
  }

  private static var counts: (owned: Int, parked: Int) {
    var (owned, parked) = (0, 0)
    forEach { if $0.isOwned { owned += 1 } else { parked += 1 } }
    return (owned, parked)
  }

  private func disown() {
    record.pointee.parkedAt = Clock.milliseconds()
    record.pointee.lastOwnersWords = record.pointee.ownersWords
    record.pointee.ownersWords = 0
    record.pointee.isOwned.store(0, ordering: .relaxed)
  }

  package var isOwned: Bool { record.pointee.isOwned.load(ordering: .relaxed) != 0 }
  package var refillCount: UInt { record.pointee.refills }
  package var overflowCount: UInt { record.pointee.overflows }

  /// Of all caches the newest, and the one made before this one.
  static var first: ThreadCache? {
    let address = allHead.pointee.load(ordering: .acquiring)
    return address == 0 ? nil : ThreadCache(unsafeAt: address)
  }
  var next: ThreadCache? {
    let address = record.pointee.nextOfAll
    return address == 0 ? nil : ThreadCache(unsafeAt: address)
  }

  /// Calls `body` for every cache, owned or parked.
  package static func forEach(_ body: (ThreadCache) -> Void) {
    var cache = first
    while let found = cache {
      body(found)
      cache = found.next
    }
  }

  /// Returns every block of a class and of all larger ones to the depot or, with `toSlabs`, to the
  /// slabs.
  package func flush(toSlabs: Bool, from first: SizeClass = SizeClass(1)) {
    if let checked = checkedCache { checked.releaseQuarantine() }
    sampledCache?.drain()
    beginChange()
    for number in first.number..<SizeClass.count {
      let sizeClass = SizeClass(number)
      let count = count(sizeClass)
      guard count > 0 else { continue }
      if toSlabs {
        SlabList.giveBack(firstSlot(sizeClass), count: count, of: sizeClass, reject: Misuse.report)
        bin(sizeClass).top = firstSlot(sizeClass)
      } else {
        while self.count(sizeClass) > 0 {
          moveOldest(min(Depot.batchCapacity, self.count(sizeClass)), of: sizeClass)
        }
      }
    }
    record.pointee.emptyBatches.giveUp()
    endChange()
  }

  /// Flushes the caches that no thread owns and that were parked `age` milliseconds ago.
  package static func flushParked(age: UInt32) {
    markAged(age)
    Sweep.perform {
      while true {
        let record = aged.pop()
        guard record != 0 else { return }
        let cache = ThreadCache(unsafeRecord: record)
        cache.flush(toSlabs: true)
        cache.record.pointee.gaveBack = true
        flushed.push(record)
        parkingCredit.waste(1)
      }
    }
  }

  /// Under the lock, so that no new thread finds the stack empty meanwhile and makes a cache.
  private static func markAged(_ age: UInt32) {
    guard !parked.isEmpty else { return }
    let lock = Lock(.control)
    lock.acquire()
    let now = Clock.milliseconds()
    var record = parked.popAll()
    while record != 0 {
      let next = TaggedStack.next(after: record)
      let isAged = now &- ThreadCache(unsafeRecord: record).record.pointee.parkedAt >= age
      (isAged ? aged : parked).push(record)
      record = next
    }
    lock.release()
  }

  /// In the child of a fork: the threads that owned the other caches are no more. Parks these
  /// caches if the locks allow, but for those that were in a slow path at that moment: these may be
  /// half changed, and serve nobody any more.
  package static func inheritAfterFork(parking: Bool) {
    let mine = ThreadCache.current.opened
    forEach { cache in
      guard cache != mine else { return }
      let wasBusy = cache.record.pointee.isBusy.exchange(0, ordering: .relaxed) != 0
      guard cache.isOwned else { return }
      cache.disown()
      guard parking, !wasBusy else { return }
      cache.closeGaps()
      cache.dropAllRuns()
      parked.push(cache.address &+ Offset.record)
    }
  }
}

/// Called as the thread ends, after the destructors of its thread-local objects.
@c(hakmem_thread_exit)
public func threadExit() {
  let current = ThreadCache.current
  switch current.kind {
  case .closed: Gate.pass(current).leave()
  case .open, .intercepted, .sampled: current.opened.leave()
  case .initial, .exited: return
  }
  Recorder.threadEnded()
}
