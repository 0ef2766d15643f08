import HakmemPages
import HakmemPlatform
import Synchronization

/// Blocks that return to their slabs, which are listed with them, and what became free by that.
extension SlabList {
  /// Returns blocks to their slabs. A pointer that is not a live block of the class goes to
  /// `reject`, which does not return or drops it.
  package static func giveBack(
    _ slots: UInt, count: Int, of sizeClass: SizeClass, reject: (UInt, Rejection) -> Void
  ) {
    var records = InlineArray<32, UInt>(repeating: 0)
    var done = 0
    while done < count {
      let first = slots &+ UInt(done) &* 8
      let few = min(count &- done, records.count)
      // Blocks of one batch lie in many slabs, whose records nobody used for long: load all at once.
      var granule: UInt = 0
      var record: UInt = 0
      for index in 0..<few {
        let pointer = Memory.loadWord(at: first &+ UInt(index) &* 8)
        if pointer >> Constants.granuleShift != granule {
          granule = pointer >> Constants.granuleShift
          record = Slab.prefetch(around: pointer)
        }
        records[index] = record
      }
      var index = 0
      while index < few {
        let slot = first &+ UInt(index) &* 8
        let slab = Slab(unsafeRecord: records[index])
        if slab.address != 0, slab.sizeClass == sizeClass {
          index &+= SlabList(sizeClass, node: slab.node).giveBackRun(
            to: slab, from: slot, count: few &- index, reject)
        } else {
          reject(Memory.loadWord(at: slot), .foreign)
          index &+= 1
        }
      }
      done &+= few
    }
  }

  /// Returns the leading pointers that lie in `slab`, those of one bitmap word with one atomic
  /// operation; returns how many it took.
  private func giveBackRun(
    to slab: Slab, from slots: UInt, count: Int, _ reject: (UInt, Rejection) -> Void
  ) -> Int {
    let start = slab.start
    let slabBytes = sizeClass.slabBytes
    var taken = 0
    var freed = 0
    var pages = 0
    var word: UInt = 0
    var bits: UInt64 = 0
    while taken < count {
      let pointer = Memory.loadWord(at: slots &+ UInt(taken) &* 8)
      guard pointer &- start < slabBytes else { break }
      taken &+= 1
      guard let index = slab.blockIndex(of: pointer, sizeClass) else {
        reject(pointer, .interior)
        continue
      }
      let bit: UInt64 = 1 &<< UInt64(index)
      if index >> 6 != word || bits & bit != 0 {
        freed &+= mark(bits, word: Int(word), in: slab, &pages, reject)
        bits = 0
        word = index >> 6
      }
      bits |= bit
    }
    freed &+= mark(bits, word: Int(word), in: slab, &pages, reject)
    if freed > 0 { recount(freed, in: slab) }
    if pages > 0 { noteFreed(pages) }
    return taken
  }

  /// Marks blocks of one bitmap word as free; returns how many were not.
  @inline(__always)
  private func mark(
    _ bits: UInt64, word: Int, in slab: Slab, _ pages: inout Int,
    _ reject: (UInt, Rejection) -> Void
  ) -> Int {
    guard bits != 0 else { return 0 }
    let before = slab.markFree(bits, word: word)
    let twice = before & bits
    if twice != 0 {
      let index = word * 64 + twice.trailingZeroBitCount
      reject(slab.start &+ UInt(index) &* sizeClass.blockBytes, .alreadyFree)
    }
    if slab.mayHaveFreedPages(bits, among: before | bits, sizeClass) {
      pages &+= slab.freedPageCount(bits, word: word)
    }
    return (bits & ~twice).nonzeroBitCount
  }

  private func recount(_ freed: Int, in slab: Slab) {
    let (mustList, isEmpty) = slab.countFree(freed)
    if mustList { stack.push(slab.address) }
    if isEmpty { noteEmptied() }
  }

  private func noteEmptied() {
    let emptied = state.pointee.emptied.wrappingAdd(1, ordering: .relaxed).newValue
    // A sweep walks the whole list: wait until it pays.
    if sizeClass.isMedium || emptied > 1 + slabCount / 16 {
      sweep(keeping: keptEmpty, .beyondBound)
    }
  }

  private func noteFreed(_ pages: Int) {
    let freed = state.pointee.freedPages.wrappingAdd(pages, ordering: .relaxed).newValue
    let fewest = max(8, 2 * Int(sizeClass.blockBytes / ProcessFacts.systemPageBytes))
    // What the last sweep left was worth keeping then: as much again has to come.
    let left = state.pointee.keptPages.load(ordering: .relaxed)
    if freed > max(fewest, slabCount / 4) + left { sweep(keeping: keptEmpty, .beyondBound) }
  }
}

/// Why a pointer cannot be freed.
package enum Rejection {
  case foreign
  case interior
  case alreadyFree

  /// In events.
  package var number: UInt32 {
    switch self {
    case .foreign: 1
    case .interior: 2
    case .alreadyFree: 3
    }
  }
}
