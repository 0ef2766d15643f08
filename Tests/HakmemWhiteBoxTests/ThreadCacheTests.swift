import CHakmemShims
import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

enum ThreadCacheTests {
  static let all = [
    WhiteBoxTest("ThreadCache.startsClosedAndOpensWithTheFirstCall", start),
    WhiteBoxTest("ThreadCache.sizesLeadToTheirClasses", sizes),
    WhiteBoxTest("ThreadCache.refillsAnEmptyBin", refill),
    WhiteBoxTest("ThreadCache.binsGrowAndThenOverflow", overflow),
    WhiteBoxTest("ThreadCache.binsThatShrankGrowWhenBlocksAreWanted", regrowth),
    WhiteBoxTest("ThreadCache.theOldestBlocksLeave", oldest),
    WhiteBoxTest("ThreadCache.flushLeavesNothing", flush),
    WhiteBoxTest("ThreadCache.everyClassServesAndTakesBack", everyClass),
    WhiteBoxTest("ThreadCache.nextThreadGoesOnWithAParkedCache", parking),
    WhiteBoxTest("ThreadCache.aThreadOnAnothersStackGoesOnWithItsCache", predecessor),
    WhiteBoxTest("ThreadCache.smallBlocksStayWhileOtherThreadsRun", smallBlocks),
    WhiteBoxTest("ThreadCache.endingThreadsLeaveNothing", ending),
    WhiteBoxTest("ThreadCache.parkedCachesAreFlushedWithAge", parkedFlush),
    WhiteBoxTest("ThreadCache.threadsThatComeAndGoShareFewCaches", churn),
    WhiteBoxTest("ThreadCache.runsAreKeptUpToABound", runs),
    WhiteBoxTest("ThreadCache.mediumBinsOpenOnDemand", mediumOnDemand),
    WhiteBoxTest("ThreadCache.aThreadThatIsShortOfRoomAllTheTimeGetsMore", moreRoom),
    WhiteBoxTest("ThreadCache.mediumBinsHaveABound", mediumBound),
    WhiteBoxTest("ThreadCache.aLargerBlockServesBeforeFreshMemory", larger),
    WhiteBoxTest("ThreadCache.fewLargerBlocksServeAtATime", fewLarger),
    WhiteBoxTest("ThreadCache.servesNilWhenMemoryEnds", exhaustion),
    WhiteBoxTest("ThreadCache.noBlockIsServedTwiceToManyThreads", threads),
    WhiteBoxTest("ThreadCache.childOfAForkInheritsTheCaches", fork),
    WhiteBoxTest("ThreadCache.blocksComeBackFromOtherThreads", remote),
  ]

  /// The calling thread's cache.
  private static func adopt() -> ThreadCache {
    if ThreadCache.current.kind == .open { return ThreadCache.current }
    guard let cache = ThreadCache.adopt() else { Fatal.stop("no thread cache") }
    return cache
  }

  private static func setUp() -> ThreadCache {
    Fixture.setUp()
    return adopt()
  }

  private static func classOf(_ block: UInt) -> SizeClass {
    SizeClass(doubled: ClassMap.doubledClass(of: block))
  }

  private static func free(_ block: UInt, _ cache: ThreadCache) {
    let sizeClass = classOf(block)
    expect(sizeClass != .none)
    if !cache.bin(sizeClass).push(block) { cache.overflow(block, sizeClass) }
  }

  private static func start() {
    let initial = ThreadCache.current
    expect(initial.kind == .initial)
    expect(initial.bin(forSize: 16).pop() == 0)
    expect(initial.bin(forSize: SizeClass.fastMaximumBytes).pop() == 0)
    for doubledClass in 0..<UInt(SizeClass.count) {
      expect(!initial.bin(forDoubledClass: doubledClass * 2).push(64), "a closed bin has room")
    }
    let cache = setUp()
    expect(ThreadCache.current == cache && cache.kind == .open && cache.isOwned)
    expect(cache.opened == cache)
    expect(!cache.bin(.none).push(64) && cache.bin(.none).pop() == 0)
    expectNoFault(cache.fault)
    Fixture.onThreads(1) { _ in expect(ThreadCache.current.kind == .initial) }
  }

  private static func sizes() {
    let cache = setUp()
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      expect(cache.bin(sizeClass).pop() == 0 && !cache.bin(sizeClass).push(64), "an unused bin")
      expect(cache.allocate(sizeClass) != 0)
    }
    for bytes in 0...SizeClass.fastMaximumBytes {
      let sizeClass = SizeClass.serving(bytes)
      let top = cache.bin(forSize: bytes).top
      expect(
        top >= cache.firstSlot(sizeClass) && top == cache.bin(sizeClass).top, "another class's bin")
    }
  }

  private static func refill() {
    let cache = setUp()
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      expectEqual(cache.count(sizeClass), 0, "blocks in a new bin")
      let block = cache.allocate(sizeClass)
      expect(block != 0 && ClassMap.doubledClass(of: block) == sizeClass.doubled)
      expect(cache.count(sizeClass) < sizeClass.refillCount)
      expectNoFault(cache.fault)
      free(block, cache)
      expect(cache.allocate(sizeClass) == block, "the newest block comes first")
    }
    // A medium bin keeps nothing at first.
    let medium = SizeClass.count - SizeClass.firstMedium
    expectEqual(cache.refillCount, UInt(SizeClass.count - 1 + medium), "refills")
  }

  private static func overflow() {
    let cache = setUp()
    let sizeClass = SizeClass(3)
    var blocks: [UInt] = []
    for _ in 0..<(2 * sizeClass.cacheCapacity) { blocks.append(cache.allocate(sizeClass)) }
    let before = cache.count(sizeClass)
    for (index, block) in blocks.enumerated() {
      free(block, cache)
      expect(cache.count(sizeClass) <= sizeClass.cacheCapacity)
      if before + index + 1 <= sizeClass.cacheCapacity {
        expectEqual(cache.count(sizeClass), before + index + 1, "blocks in the bin")
        expectEqual(cache.overflowCount, 0, "overflows")
      }
    }
    expect(cache.overflowCount > 0)
    let total = cache.count(sizeClass) + Depot.exactBlockCount(sizeClass)
    expectEqual(total, before + blocks.count, "blocks in the cache and the depot")
    expect(blocks.last == cache.allocate(sizeClass))
    expectNoFault(cache.fault)
  }

  /// The thread only frees; another one takes what comes into the depot, but late.
  private static func regrowth() {
    let cache = setUp()
    let sizeClass = SizeClass(3)
    var blocks: [UInt] = []
    for _ in 0..<(64 * Depot.batchCapacity) { blocks.append(cache.allocate(sizeClass)) }
    let taken: UnsafeMutablePointer<UInt> = Memory.pointer(
      at: Fixture.memory(Depot.batchCapacity * 8))
    func mostWhileFreeingHalf(isTaken: Bool) -> Int {
      var most = 0
      for _ in 0..<(blocks.count / 2) {
        free(blocks.removeLast(), cache)
        most = max(most, cache.count(sizeClass))
        if isTaken { while DepotTests.take(sizeClass, into: taken) > 0 {} }
      }
      return most
    }
    expectEqual(
      mostWhileFreeingHalf(isTaken: false), sizeClass.cacheCapacity,
      "most blocks before they were refused")
    expect(cache.count(sizeClass) <= 16)
    expectEqual(
      mostWhileFreeingHalf(isTaken: true), sizeClass.cacheCapacity,
      "most blocks since they are wanted")
    expectNoFault(cache.fault)
  }

  private static func oldest() {
    let cache = setUp()
    let sizeClass = SizeClass(5)
    var blocks: [UInt] = []
    for _ in 0..<20 { blocks.append(cache.allocate(sizeClass)) }
    cache.flush(toSlabs: true)
    for block in blocks { free(block, cache) }
    cache.moveOldest(8, of: sizeClass)
    expectEqual(cache.count(sizeClass), 12, "blocks that stay")
    var index = 8
    cache.forEachBlock(sizeClass) {
      expectEqual($0, blocks[index], "a block that stays")
      index += 1
    }
    index = 0
    Depot.forEachBlock(sizeClass) {
      expectEqual($0, blocks[index], "a block that left")
      index += 1
    }
    expectEqual(index, 8, "blocks that left")
    expectNoFault(cache.fault)
  }

  private static func flush() {
    let cache = setUp()
    for toSlabs in [false, true] {
      for number in 1..<SizeClass.count {
        var blocks: [UInt] = []
        for _ in 0..<50 { blocks.append(cache.allocate(SizeClass(number))) }
        for block in blocks { free(block, cache) }
      }
      cache.flush(toSlabs: toSlabs)
      for number in 1..<SizeClass.count {
        expectEqual(cache.count(SizeClass(number)), 0, "blocks in the bin")
      }
      expectNoFault(cache.fault)
    }
    Housekeeping.purgeEverything()
    for number in 1..<SizeClass.count {
      expectEqual(SlabList(SizeClass(number)).slabCount, 0, "slabs")
    }
    SuperSlab.forEach { expect($0.kind == .unused) }
  }

  private static func everyClass() {
    for value: StaticString in ["1", "128", "1024"] {
      let status = Fixture.inChild {
        Fixture.setUp("HAKMEM_CACHE_KIB", value)
        let cache = adopt()
        var random = Random(43)
        for number in 1..<SizeClass.count {
          let sizeClass = SizeClass(number)
          var blocks: [UInt] = []
          for _ in 0..<600 {
            if blocks.count < 200, random.below(5) < 3 {
              let block = cache.allocate(sizeClass)
              expectEqual(Memory.loadWord(at: block), 0, "the first word of a block")
              Memory.storeWord(1, at: block)
              blocks.append(block)
            } else if !blocks.isEmpty {
              let block = blocks.remove(at: random.below(blocks.count))
              Memory.storeWord(0, at: block)
              free(block, cache)
            }
          }
          for block in blocks {
            Memory.storeWord(0, at: block)
            free(block, cache)
          }
          expectNoFault(cache.fault)
        }
      }
      expectEqual(status, 0, "the exit status")
    }
  }

  private static func cacheCount() -> Int {
    var count = 0
    ThreadCache.forEach { _ in count += 1 }
    return count
  }

  /// Threads that follow one another, after which caches are parked with their blocks.
  private static func makeThreadsFollow() {
    for _ in 0..<3 { Fixture.onThreads(1) { _ in _ = adopt() } }
  }

  private static func wait(until condition: () -> Bool) {
    while !condition() { whitebox_sleep(1) }
  }

  /// Counts the calling thread in, and waits until `count` threads are.
  private static func meet(_ counter: UnsafeMutablePointer<Atomic<UInt>>, _ count: UInt) {
    counter.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    wait { counter.pointee.load(ordering: .sequentiallyConsistent) >= count }
  }

  private static func ending() {
    Fixture.setUp()
    let counter = Fixture.words(1)
    let first = Fixture.words(1)
    Fixture.onThreads(2) { thread in
      let cache = adopt()
      if thread == 0 { first.pointee.store(cache.address, ordering: .relaxed) }
      for number in 1..<SizeClass.count {
        for _ in 0..<10 {
          let block = cache.allocate(SizeClass(number))
          Memory.storeWord(0, at: block)
          free(block, cache)
        }
      }
      // One after the other.
      meet(counter, 2)
      guard thread == 1 else { return }
      let other = ThreadCache(unsafeAt: first.pointee.load(ordering: .relaxed))
      wait { !other.isOwned }
      whitebox_sleep(20)
    }
    for number in 1..<SizeClass.count {
      ThreadCache.forEach { expectEqual($0.count(SizeClass(number)), 0, "blocks in a bin") }
      expectEqual(Depot.blockCount(SizeClass(number)), 0, "blocks in the depot")
      expectEqual(SlabList(SizeClass(number)).slabCount, 0, "slabs")
    }
    expect(!DirtyMemory.isTooMuch, "free pages of threads that ended")
    ThreadCache.forEach { expectNoFault($0.fault) }
  }

  private static func parking() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    makeThreadsFollow()
    let word = Fixture.words(2)
    Fixture.onThreads(1) { _ in
      let cache = adopt()
      let block = cache.allocate(SizeClass(4))
      free(block, cache)
      word[0].store(cache.address, ordering: .relaxed)
      word[1].store(block, ordering: .relaxed)
    }
    let parked = ThreadCache(unsafeAt: word[0].load(ordering: .relaxed))
    expect(!parked.isOwned, "the cache of a thread that ended is owned")
    expect(parked.count(SizeClass(4)) > 0)
    Fixture.onThreads(1) { _ in
      let cache = adopt()
      expect(cache == parked && cache.isOwned)
      expect(cache.allocate(SizeClass(4)) == word[1].load(ordering: .relaxed))
      expectNoFault(cache.fault)
      threadExit()
      expect(ThreadCache.current.kind == .exited)
      threadExit()
    }
    expectEqual(cacheCount(), 1, "caches")
    expect(!parked.isOwned)
  }

  /// Whichever cache was parked last.
  private static func predecessor() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    makeThreadsFollow()
    let counter = Fixture.words(1)
    let ended = Fixture.words(8)
    Fixture.onThreads(4) { thread in
      ended[2 * thread].store(adopt().address, ordering: .relaxed)
      ended[2 * thread + 1].store(ownWords, ordering: .relaxed)
      meet(counter, 4)
      // The others end meanwhile, one after the other.
      whitebox_sleep(20 * Int32(3 - thread))
    }
    var successors = 0
    Fixture.onThreads(1) { _ in
      let cache = adopt().address
      for thread in 0..<4 where ended[2 * thread + 1].load(ordering: .relaxed) == ownWords {
        expectEqual(cache, ended[2 * thread].load(ordering: .relaxed), "the predecessor's cache")
        successors += 1
      }
    }
    expectEqual(successors, 1, "threads with another's stack")
    expectEqual(cacheCount(), 4, "caches")
  }

  private static var ownWords: UInt { UInt(bitPattern: hakmem_thread_header_words()) }

  /// Blocks that share cache lines; larger ones go.
  private static func smallBlocks() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    let (small, larger) = (SizeClass.serving(128), SizeClass.serving(129))
    // How many have a cache; the cache of the one that ends first; whether it was looked at.
    let words = Fixture.words(3)
    Fixture.onThreads(4) { thread in
      let cache = adopt()
      for sizeClass in [small, larger] { free(cache.allocate(sizeClass), cache) }
      if thread == 0 { words[1].store(cache.address, ordering: .relaxed) }
      meet(words, 4)
      if thread == 1 {
        let ended = ThreadCache(unsafeAt: words[1].load(ordering: .relaxed))
        wait { !ended.isOwned }
        expect(ended.count(small) > 0)
        expectEqual(ended.count(larger), 0, "larger blocks")
        words[2].store(1, ordering: .sequentiallyConsistent)
      } else if thread > 1 {
        wait { words[2].load(ordering: .sequentiallyConsistent) == 1 }
      }
    }
    ThreadCache.forEach { expectEqual($0.count(small), 0, "blocks once all have ended") }
  }

  private static func parkedFlush() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    makeThreadsFollow()
    let counters = Fixture.words(2)
    Fixture.onThreads(3) { _ in
      let cache = adopt()
      free(cache.allocate(SizeClass(4)), cache)
      meet(counters, 3)
    }
    expectEqual(cacheCount(), 3, "caches")
    func blocks() -> Int {
      var blocks = 0
      ThreadCache.forEach { blocks += $0.count(SizeClass(4)) }
      return blocks
    }
    expect(blocks() > 0)
    ThreadCache.flushParked(age: 3_600_000)
    expect(blocks() > 0, "young caches were flushed")
    ThreadCache.flushParked(age: 0)
    expectEqual(blocks(), 0, "blocks in parked caches")
    Fixture.onThreads(3) { _ in
      _ = adopt()
      meet(counters + 1, 3)
    }
    expectEqual(cacheCount(), 3, "caches")
  }

  private static func churn() {
    Fixture.setUp()
    for _ in 0..<300 {
      Fixture.onThreads(4) { _ in
        let cache = adopt()
        var blocks: [UInt] = []
        for number in 1..<40 { blocks.append(cache.allocate(SizeClass(number))) }
        for block in blocks { free(block, cache) }
        ThreadCache.flushParked(age: 0)
      }
    }
    expect(cacheCount() <= 12, "far more caches than threads")
    ThreadCache.forEach { expect(!$0.isOwned) }
    ThreadCache.forEach { expectNoFault($0.fault) }
  }

  private static func runs() {
    Fixture.set("HAKMEM_CACHE_KIB", "32")
    let cache = setUp()
    let page = Constants.pageBytes
    func keep(_ start: UInt, _ bytes: UInt) {
      let (kept, mark) = PageRuns.markCached(start, record: SuperSlabRegistry.record(at: start))
      expectEqual(kept, bytes, "the bytes of the run")
      cache.keepRun(start, bytes, mark)
    }
    let first = PageRuns.allocate(10 * page)
    let second = PageRuns.allocate(12 * page)
    keep(first, 10 * page)
    keep(second, 12 * page)
    expectNoFault(cache.fault)
    expect(cache.takeRun(11 * page) == 0)
    expect(cache.takeRun(10 * page) == first && cache.takeRun(10 * page) == 0)
    expectEqual(PageRuns.byteCount(at: first), 10 * page, "the bytes of a run that is live again")
    expectNoFault(cache.fault)
    keep(first, 10 * page)
    var starts: [UInt] = []
    for _ in 0..<20 { starts.append(PageRuns.allocate(14 * page)) }
    for start in starts {
      keep(start, 14 * page)
      expectNoFault(cache.fault)
    }
    var kept = 0
    for start in starts where PageRuns.cachedByteCount(at: start) != 0 { kept += 1 }
    expect(kept > 0 && UInt(kept) * 14 * page <= 32 << 14)
    expect(cache.takeRun(10 * page) == 0, "the oldest run stayed")
    let wide = PageRuns.allocate(1 << 20)
    keep(wide, 1 << 20)
    expectEqual(PageRuns.cachedByteCount(at: wide), 0, "a run too wide to be kept")
    cache.dropRuns()
    expectNoFault(cache.fault)
    expectEqual(PageRuns.liveBytes, 0, "the live bytes")
  }

  private static func mediumOnDemand() {
    let cache = setUp()
    // What passes once through all classes leaves nothing behind.
    for number in SizeClass.firstMedium..<SizeClass.count {
      let sizeClass = SizeClass(number)
      let block = cache.allocate(sizeClass)
      expect(block != 0)
      free(block, cache)
      expectEqual(cache.count(sizeClass), 0, "blocks that nobody wanted twice")
      expectEqual(SlabList(sizeClass).slabCount, 0, "slabs")
    }
    let sizeClass = SizeClass.serving(100_000)
    let block = cache.allocate(sizeClass)
    free(block, cache)
    expectEqual(cache.count(sizeClass), 1, "blocks that were wanted again")
    expect(cache.allocate(sizeClass) == block)
    free(block, cache)
    expectNoFault(cache.fault)
    cache.flush(toSlabs: true)
    expectEqual(cache.count(sizeClass), 0, "blocks")
    expectNoFault(cache.fault)
  }

  private static func mediumBound() {
    let cache = setUp()
    var random = Random(53)
    var blocks: [(block: UInt, bytes: UInt)] = []
    var most: UInt = 0
    for round in 0..<20_000 {
      if round % 100 == 0 { most = max(most, cachedMediumBytes(cache)) }
      if blocks.count < 40, random.below(2) == 0 {
        let number = SizeClass.firstMedium + random.below(SizeClass.count - SizeClass.firstMedium)
        let block = cache.allocate(SizeClass(number))
        expectEqual(Memory.loadWord(at: block), 0, "the first word of a block")
        Memory.storeWord(1, at: block)
        blocks.append((block, SizeClass(number).blockBytes))
      } else if !blocks.isEmpty {
        let block = blocks.remove(at: random.below(blocks.count)).block
        Memory.storeWord(0, at: block)
        free(block, cache)
      }
    }
    for one in blocks {
      for other in blocks where other.block > one.block {
        expect(other.block >= one.block + one.bytes, "two blocks overlap")
      }
    }
    // Among the cache's invariants is the bound.
    expectNoFault(cache.fault)
    for (block, _) in blocks { free(block, cache) }
    expect(most > 0, "nothing is cached")
    expect(most <= Option.cacheBytes.value << 14, "too much is cached")
    expectNoFault(cache.fault)
  }

  private static func moreRoom() {
    let cache = setUp()
    let least = Option.cacheBytes.value << 14
    expectEqual(cache.maximumMediumBytes, least, "the room at first")
    // As often as it takes: what counts is how quickly they follow one another.
    while cache.maximumMediumBytes < least << 3 { cache.noteRefusal() }
    for _ in 0..<100_000 { cache.noteRefusal() }
    expectEqual(cache.maximumMediumBytes, least << 3, "the room at most")
    let sizeClass = SizeClass.serving(200_000)
    for _ in 0..<20 {
      var blocks: [UInt] = []
      for _ in 0..<8 { blocks.append(cache.allocate(sizeClass)) }
      for block in blocks { free(block, cache) }
    }
    expect(cachedMediumBytes(cache) > least, "the room is not used")
    let run = PageRuns.allocate(1 << 20)
    let (bytes, mark) = PageRuns.markCached(run, record: SuperSlabRegistry.record(at: run))
    cache.keepRun(run, bytes, mark)
    expectEqual(PageRuns.cachedByteCount(at: run), 1 << 20, "the bytes of a run that is kept")
    expectNoFault(cache.fault)
    let now = Clock.milliseconds()
    cache.halveMediumRoom(at: now)
    expectEqual(cache.maximumMediumBytes, least << 3, "the room of a thread that is short of it")
    for seconds: UInt32 in 1...3 {
      cache.halveMediumRoom(at: now &+ seconds &* 2000)
      expectEqual(cache.maximumMediumBytes, least << (3 - UInt(seconds)), "the room later")
      expectNoFault(cache.fault)
    }
    cache.halveMediumRoom(at: now &+ 60_000)
    expectEqual(cache.maximumMediumBytes, least, "the room in the end")
    expect(cachedMediumBytes(cache) <= least, "too much is cached")
  }

  private static func cachedMediumBytes(_ cache: ThreadCache) -> UInt {
    var bytes: UInt = 0
    for number in SizeClass.firstMedium..<SizeClass.count {
      let sizeClass = SizeClass(number)
      expectEqual(Depot.blockCount(sizeClass), 0, "blocks in the depot")
      bytes += UInt(cache.count(sizeClass)) * sizeClass.blockBytes
    }
    return bytes
  }

  private static func larger() {
    let cache = setUp()
    let wanted = SizeClass.serving(10_000)
    let larger = SizeClass.serving(18_000)
    let tooLarge = SizeClass.serving(32_000)
    for sizeClass in [larger, tooLarge] { free(cache.allocate(sizeClass), cache) }
    let inPlace = cache.allocate(wanted, orLarger: true)
    expect(classOf(inPlace) == larger, "fresh memory beside a cached larger block")
    free(inPlace, cache)
    let aligned = cache.allocate(wanted)
    expect(classOf(aligned) == wanted, "who did not say that a larger block will do got one")

    // One that was used before is better than a larger one.
    let other = cache.allocate(wanted)
    free(other, cache)
    cache.flush(toSlabs: true)
    free(cache.allocate(larger), cache)
    let again = cache.allocate(wanted, orLarger: true)
    expect(again == other, "a larger block in place of one that was used before")

    // More than double is too much: fresh memory.
    cache.flush(toSlabs: true)
    free(cache.allocate(tooLarge), cache)
    let blocks = (0..<8).map { _ in cache.allocate(wanted, orLarger: true) }
    for block in blocks { expect(classOf(block) == wanted) }
    expectNoFault(cache.fault)
    for block in blocks + [again, aligned] { free(block, cache) }
    expectNoFault(cache.fault)
  }

  private static func fewLarger() {
    let cache = setUp()
    let wanted = SizeClass.serving(1024)
    var blocks: [UInt] = []
    for bytes in stride(from: 1056 as UInt, through: 2048, by: 32) {
      for _ in 0..<8 { blocks.append(cache.allocate(SizeClass.serving(bytes))) }
    }
    for block in blocks { free(block, cache) }
    let began = Clock.milliseconds()
    blocks = (0..<256).map { _ in cache.allocate(wanted, orLarger: true) }
    let ticks = Int(Clock.milliseconds() &- began) + 1
    let inPlace = blocks.filter { classOf($0) != wanted }.count
    expect(inPlace > 0 && inPlace <= 64 * ticks, "too many larger blocks in place of smaller ones")
    for block in blocks { free(block, cache) }
    expectNoFault(cache.fault)
  }

  private static func exhaustion() {
    expect(whitebox_limit_address_space(400 << 20) != 0)
    let cache = setUp()
    let sizeClass = SizeClass.serving(32 << 10)
    var blocks: [UInt] = []
    blocks.reserveCapacity(1 << 15)
    while blocks.count < 1 << 15 {
      let block = cache.allocate(sizeClass)
      if block == 0 { break }
      blocks.append(block)
    }
    expect(blocks.count > 2000 && blocks.count < 1 << 15, "most of the limit serves for blocks")
    expect(cache.allocate(sizeClass) == 0)
    expectNoFault(cache.fault)
    for block in blocks { free(block, cache) }
    expectNoFault(cache.fault)
    expect(cache.allocate(sizeClass) != 0, "memory comes back")
  }

  private static func serve(_ thread: Int, rounds: Int) {
    let cache = adopt()
    var random = Random(thread + 47)
    var blocks: [UInt] = []
    for _ in 0..<rounds {
      if blocks.count < 400, random.below(9) < 5 {
        let block = cache.allocate(SizeClass(1 + random.below(random.below(3) == 0 ? 72 : 12)))
        let word: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: block)
        expect(word.pointee.exchange(1, ordering: .relaxed) == 0, "a block is served twice")
        blocks.append(block)
      } else if !blocks.isEmpty {
        let block = blocks.remove(at: random.below(blocks.count))
        let word: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: block)
        expect(word.pointee.exchange(0, ordering: .relaxed) == 1, "a block was changed")
        free(block, cache)
      }
      if random.below(5000) == 0 { Housekeeping.purgeEverything() }
    }
    for block in blocks {
      Memory.storeWord(0, at: block)
      free(block, cache)
    }
    expectNoFault(cache.fault)
  }

  private static func threads() {
    Fixture.setUp()
    for _ in 0..<3 { Fixture.onThreads(4) { serve($0, rounds: 25_000) } }
    Housekeeping.purgeEverything()
    for number in 1..<SizeClass.count {
      expectEqual(SlabList(SizeClass(number)).slabCount, 0, "slabs")
    }
  }

  /// Blocks go from two threads that allocate to two that free.
  private static func remote() {
    Fixture.setUp()
    let capacity = 256
    let queue = Fixture.words(capacity)
    let perThread = 40_000
    let sent = Fixture.words(1)
    let received = Fixture.words(1)
    Fixture.onThreads(4) { thread in
      let cache = adopt()
      var random = Random(thread + 53)
      let isSender = thread < 2
      var count = 0
      while count < perThread {
        let slot = random.below(capacity)
        if isSender {
          let block = cache.allocate(SizeClass(1 + random.below(20)))
          let word: UnsafeMutablePointer<Atomic<UInt>> = Memory.pointer(at: block)
          expect(word.pointee.exchange(1, ordering: .relaxed) == 0, "a block is served twice")
          while !queue[random.below(capacity)].compareExchange(
            expected: 0, desired: block, ordering: .acquiringAndReleasing
          ).exchanged { if random.below(64) == 0 { SystemCalls.yieldProcessor() } }
          sent.pointee.wrappingAdd(1, ordering: .relaxed)
        } else {
          let block = queue[slot].exchange(0, ordering: .acquiringAndReleasing)
          if block == 0 {
            if random.below(64) == 0 { SystemCalls.yieldProcessor() }
            continue
          }
          Memory.storeWord(0, at: block)
          free(block, cache)
          received.pointee.wrappingAdd(1, ordering: .relaxed)
        }
        count += 1
      }
      expectNoFault(cache.fault)
    }
    expectEqual(received.pointee.load(ordering: .relaxed), UInt(2 * perThread), "blocks received")
    Housekeeping.purgeEverything()
    for number in 1..<SizeClass.count {
      expectEqual(SlabList(SizeClass(number)).slabCount, 0, "slabs")
    }
  }

  /// Forks while other threads are anywhere: the child owns its own cache only, and can use all.
  private static func fork() {
    let cache = setUp()
    let stop = Fixture.words(1)
    Fixture.onThreads(3) { thread in
      guard thread > 0 else {
        let cache = adopt()
        for _ in 0..<60 {
          LockRank.forEach { Lock($0).acquire() }
          let child = whitebox_fork()
          if child == 0 {
            whitebox_alarm(10)
            LockRank.forEach { Lock($0).reset() }
            Gate.resetAfterFork()
            ThreadCache.inheritAfterFork(parking: true)
            var owned = 0
            ThreadCache.forEach { if $0.isOwned { owned += 1 } }
            expectEqual(owned, 1, "caches with an owner in the child")
            expectNoFault(cache.fault)
            Gate.close()
            Gate.open()
            Fixture.onThreads(4) { serve($0, rounds: 300) }
            whitebox_end_child(Expectation.failureCount == 0 ? 0 : 1)
          }
          LockRank.forEach { Lock($0).release() }
          expectEqual(Int(whitebox_wait(child)), 0, "the child's exit status")
        }
        stop.pointee.store(1, ordering: .relaxed)
        return
      }
      while stop.pointee.load(ordering: .relaxed) == 0 { serve(thread, rounds: 2000) }
    }
    expectNoFault(cache.fault)
  }
}
