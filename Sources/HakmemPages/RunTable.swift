import HakmemPlatform
import Synchronization

/// The pages of one SuperSlab that holds page runs. Guarded by the lock `pageRuns`, save the
/// lengths: the one at a run's first page belongs to whoever holds the run.
///
///     length[page] = pages of the run that begins at `page`, 0 where none begins
///     free[page]   = 1  ⇔  page belongs to no run
///     dirty[page]  = 1  ⇐  page may be present or not zero
///     purged[page] = 1  ⇒  page, or one of its granule, was given back since its last use
///     lazy[page]   = 1  ⇐  page was given back lazily since its last use: it may hold anything
package struct RunTable: Equatable {
  package let address: UInt
  package init(unsafeAt address: UInt) { self.address = address }

  private static let words = 8
  private static let pages = Int(Constants.pagesPerSuperSlab)
  private enum Offset {
    static let superSlab: UInt = 0
    static let next: UInt = 8
    static let previous: UInt = 16
    static let freePages: UInt = 24
    static let longest: UInt = 32
    static let returnedAt: UInt = 40
    static let free: UInt = 64
    static let dirty: UInt = 128
    static let purged: UInt = 192
    static let lazy: UInt = 256
    static let length: UInt = 320
    static let slack: UInt = length + Constants.pagesPerSuperSlab * 2
  }
  package static let byteCount: UInt = Offset.slack + Constants.pagesPerSuperSlab * 2
  /// In a length: the run lies free in a thread's cache.
  package static let cachedFlag: UInt16 = 0x8000

  private subscript(offset: UInt) -> UInt {
    get { Memory.loadWord(at: address &+ offset) }
    nonmutating set { Memory.storeWord(newValue, at: address &+ offset) }
  }

  package var superSlab: SuperSlab { SuperSlab(unsafeRecord: self[Offset.superSlab]) }
  var next: UInt {
    get { self[Offset.next] }
    nonmutating set { self[Offset.next] = newValue }
  }
  var previous: UInt {
    get { self[Offset.previous] }
    nonmutating set { self[Offset.previous] = newValue }
  }
  package var freePages: Int { Int(self[Offset.freePages]) }
  /// Length of the longest stretch of free pages.
  package var longest: Int { Int(self[Offset.longest]) }
  var returnedAt: UInt32 {
    get { UInt32(truncatingIfNeeded: self[Offset.returnedAt]) }
    nonmutating set { self[Offset.returnedAt] = UInt(newValue) }
  }

  /// Sets up the table of an empty SuperSlab: every page free, dirty or purged as the granules say.
  package func begin(_ superSlab: SuperSlab) {
    self[Offset.superSlab] = superSlab.address
    let dirty = superSlab.dirtyGranules
    expand(dirty, into: Offset.dirty)
    expand(
      superSlab.record.pointee.lazyGranules.exchange(0, ordering: .relaxed) & ~dirty,
      into: Offset.lazy)
    expand(superSlab.record.pointee.purgedGranules.load(ordering: .relaxed), into: Offset.purged)
    for word in 0..<Self.words { self[Offset.free &+ UInt(word) &* 8] = .max }
    self[Offset.freePages] = UInt(Self.pages)
    self[Offset.longest] = UInt(Self.pages)
  }

  /// Marks in the SuperSlab which granules have dirty or purged pages, when it leaves for the pool.
  package func end() {
    DirtyMemory.add(-freeDirtyBytes)
    let dirty = contract(Offset.dirty)
    superSlab.record.pointee.dirtyGranules.store(dirty, ordering: .relaxed)
    superSlab.record.pointee.purgedGranules.store(contract(Offset.purged), ordering: .relaxed)
    superSlab.record.pointee.lazyGranules.store(contract(Offset.lazy), ordering: .relaxed)
    DirtyMemory.add(dirty.nonzeroBitCount << Int(Constants.granuleShift))
  }

  private func expand(_ granules: UInt32, into map: UInt) {
    for word in 0..<Self.words {
      var bits: UInt = 0
      for quarter in 0..<4 where granules & (1 << UInt32(word * 4 + quarter)) != 0 {
        bits |= 0xffff << UInt(quarter * 16)
      }
      self[map &+ UInt(word) &* 8] = bits
    }
  }

  private func contract(_ map: UInt) -> UInt32 {
    var granules: UInt32 = 0
    for word in 0..<Self.words {
      let bits = self[map &+ UInt(word) &* 8]
      for quarter in 0..<4 where bits >> UInt(quarter * 16) & 0xffff != 0 {
        granules |= 1 << UInt32(word * 4 + quarter)
      }
    }
    return granules
  }

  // MARK: Lengths

  @inline(__always)
  package func length(at page: Int) -> UnsafeMutablePointer<Atomic<UInt16>> {
    Memory.pointer(at: address &+ Offset.length &+ UInt(page) &* 2)
  }

  /// Bytes of the run at `page` that are more than was asked for, while blocks are checked.
  func slack(at page: Int) -> UnsafeMutablePointer<UInt16> {
    Memory.pointer(at: address &+ Offset.slack &+ UInt(page) &* 2)
  }

  @inline(__always)
  package func page(of pointer: UInt) -> Int {
    Int(bitPattern: pointer >> Constants.pageShift & (Constants.pagesPerSuperSlab &- 1))
  }

  package func pointer(to page: Int) -> UInt {
    superSlab.start &+ UInt(page) << Constants.pageShift
  }

  // MARK: Pages

  /// First page of a free stretch of `count` pages at a multiple of `alignment` pages, the lowest
  /// that there is; nil when there is none.
  package func find(_ count: Int, alignment: Int) -> Int? {
    var page = nextPage(from: 0, set: true, in: Offset.free)
    while page + count <= Self.pages {
      let start = Int(UInt(page).roundedUp(to: UInt(alignment)))
      let end = nextPage(from: page, set: false, in: Offset.free)
      if start + count <= end { return start }
      page = nextPage(from: end, set: true, in: Offset.free)
    }
    return nil
  }

  package func isFree(_ pages: Range<Int>) -> Bool {
    pages.upperBound <= Self.pages
      && nextPage(from: pages.lowerBound, set: false, in: Offset.free) >= pages.upperBound
  }

  package func isDirty(_ page: Int) -> Bool {
    self[Offset.dirty &+ UInt(page / 64) &* 8] >> UInt(page % 64) & 1 != 0
  }

  package func take(_ pages: Range<Int>) {
    invariant(isFree(pages), "a page run overlaps another")
    let cutsLongest = stretch(around: pages).count == longest
    change(pages, in: Offset.free, to: false)
    DirtyMemory.add(-(count(pages, in: Offset.dirty) << Int(Constants.pageShift)))
    // From here on a page that went lazily is what all used ones are: not zero.
    forEachWord(of: pages) { word, mask in
      let lazy = Offset.lazy &+ UInt(word) &* 8
      self[Offset.dirty &+ UInt(word) &* 8] |= self[lazy] & mask
      self[lazy] &= ~mask
    }
    let missed = count(pages, in: Offset.purged)
    if missed > 0 {
      change(pages, in: Offset.purged, to: false)
      DirtyMemory.credit.regret(
        UInt(missed) << Constants.pageShift,
        returnedAt: superSlab.record.pointee.purgedAt.load(ordering: .relaxed))
    }
    self[Offset.freePages] &-= UInt(pages.count)
    if cutsLongest { measure() }
  }

  /// Returns pages that a program may have written.
  package func giveBack(_ pages: Range<Int>) {
    change(pages, in: Offset.free, to: true)
    change(pages, in: Offset.dirty, to: true)
    DirtyMemory.add(pages.count << Int(Constants.pageShift))
    self[Offset.freePages] &+= UInt(pages.count)
    self[Offset.longest] = UInt(max(longest, stretch(around: pages).count))
  }

  /// All free pages that lie together with `pages`, which are free.
  private func stretch(around pages: Range<Int>) -> Range<Int> {
    endOfUsed(
      before: pages.lowerBound)..<nextPage(
        from: pages.upperBound, set: false, in: Offset.free)
  }

  /// The page behind the last one below `page` that is not free; 0 when there is none.
  private func endOfUsed(before page: Int) -> Int {
    var word = page / 64
    var used = page % 64 == 0 ? 0 : ~self[Offset.free &+ UInt(word) &* 8] << UInt(64 - page % 64)
    var end = page
    while used == 0 {
      end = word * 64
      guard word > 0 else { return 0 }
      word -= 1
      used = ~self[Offset.free &+ UInt(word) &* 8]
    }
    return end - used.leadingZeroBitCount
  }

  /// Notes that free pages were given back; returns the bytes of those that were dirty.
  @discardableResult
  package func markPurged(_ pages: Range<Int>, lazily: Bool) -> UInt {
    superSlab.noteBroken()
    let dirtyBytes = count(pages, in: Offset.dirty) << Int(Constants.pageShift)
    change(pages, in: Offset.dirty, to: false)
    change(pages, in: Offset.lazy, to: lazily)
    change(pages, in: Offset.purged, to: true)
    superSlab.record.pointee.purgedAt.store(Clock.milliseconds(), ordering: .relaxed)
    DirtyMemory.add(-dirtyBytes)
    return UInt(dirtyBytes)
  }

  /// Calls `body` for each stretch of dirty pages in `pages`.
  package func forEachDirty(in pages: Range<Int>, _ body: (Range<Int>) -> Void) {
    forEachStretch(in: pages, of: { self[Offset.dirty &+ $0] }, body)
  }

  /// Calls `body` for each stretch of free pages that may be given back: dirty ones and, unless
  /// `lazily`, those that went lazily before.
  package func forEachPurgeable(lazily: Bool, _ body: (Range<Int>) -> Void) {
    forEachStretch(
      in: 0..<Self.pages,
      of: {
        self[Offset.free &+ $0]
          & (self[Offset.dirty &+ $0] | (lazily ? 0 : self[Offset.lazy &+ $0]))
      }, body)
  }

  private func forEachStretch(
    in pages: Range<Int>, of word: (UInt) -> UInt, _ body: (Range<Int>) -> Void
  ) {
    var page = nextPage(from: pages.lowerBound, set: true, of: word)
    while page < pages.upperBound {
      let end = min(nextPage(from: page, set: false, of: word), pages.upperBound)
      body(page..<end)
      page = nextPage(from: end, set: true, of: word)
    }
  }

  package var freeDirtyBytes: Int {
    var pages = 0
    for word in 0..<UInt(Self.words) {
      pages += (self[Offset.free &+ word &* 8] & self[Offset.dirty &+ word &* 8]).nonzeroBitCount
    }
    return pages << Int(Constants.pageShift)
  }

  /// What contradicts the maps' equations; nil when nothing does.
  var faultOfMaps: StaticString? {
    for word in 0..<UInt(Self.words) {
      let lazy = self[Offset.lazy &+ word &* 8]
      let dirty = self[Offset.dirty &+ word &* 8]
      if lazy & ~self[Offset.free &+ word &* 8] != 0 { return "a page in use went lazily" }
      if lazy & dirty != 0 { return "a page that went lazily is dirty" }
    }
    return nil
  }

  private func measure() {
    var longest = 0
    var page = nextPage(from: 0, set: true, in: Offset.free)
    while page < Self.pages {
      let end = nextPage(from: page, set: false, in: Offset.free)
      longest = max(longest, end - page)
      page = nextPage(from: end, set: true, in: Offset.free)
    }
    self[Offset.longest] = UInt(longest)
  }

  private func nextPage(from page: Int, set: Bool, in map: UInt) -> Int {
    nextPage(from: page, set: set, of: { self[map &+ $0] })
  }

  /// First page at or after `page` whose bit is `set`; the page count when there is none. `word` yields
  /// the bits of 64 pages for their offset in a map.
  @inline(__always)
  private func nextPage(from page: Int, set: Bool, of word: (UInt) -> UInt) -> Int {
    var index = page / 64
    guard index < Self.words else { return Self.pages }
    var bits = set ? word(UInt(index) &* 8) : ~word(UInt(index) &* 8)
    bits &= UInt.max << UInt(page % 64)
    while bits == 0 {
      index += 1
      guard index < Self.words else { return Self.pages }
      bits = set ? word(UInt(index) &* 8) : ~word(UInt(index) &* 8)
    }
    return index * 64 + bits.trailingZeroBitCount
  }

  private func count(_ pages: Range<Int>, in map: UInt) -> Int {
    var count = 0
    forEachWord(of: pages) { word, mask in
      count += (self[map &+ UInt(word) &* 8] & mask).nonzeroBitCount
    }
    return count
  }

  private func change(_ pages: Range<Int>, in map: UInt, to value: Bool) {
    forEachWord(of: pages) { word, mask in
      let offset = map &+ UInt(word) &* 8
      if value { self[offset] |= mask } else { self[offset] &= ~mask }
    }
  }

  /// Calls `body` with each word of a map that `pages` reach into, and their bits in it.
  private func forEachWord(of pages: Range<Int>, _ body: (Int, UInt) -> Void) {
    var page = pages.lowerBound
    while page < pages.upperBound {
      let end = min(pages.upperBound, (page / 64 + 1) * 64)
      body(page / 64, (UInt.max >> UInt(64 - (end - page))) << UInt(page % 64))
      page = end
    }
  }
}
