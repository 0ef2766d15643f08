import HakmemPages
import HakmemPlatform
import Synchronization

/// Sweeps: empty slabs retire, pages without a live block go back.
extension SlabList {
  /// Empty slabs that a sweep leaves. Those of medium classes are better used by another one.
  var keptEmpty: Int { sizeClass.isMedium ? 0 : 1 }

  /// Which pages without a live block a sweep gives back.
  package enum Purging {
    /// All, when there is more dirty memory than is worth keeping; else none.
    case beyondBound
    /// Those that had no live block at the last such sweep either, and no block taken since.
    case idle
    case all
  }

  /// Sweeps with `idle` if the last sweep was `age` milliseconds ago or longer, and there is
  /// anything to look for.
  package func age(_ age: UInt32) {
    let now = Clock.milliseconds()
    guard now &- state.pointee.sweptAt.load(ordering: .relaxed) >= age else { return }
    let isWorthIt =
      state.pointee.freedPages.load(ordering: .relaxed) > 0
      || state.pointee.keptPages.load(ordering: .relaxed) > 0
    guard isWorthIt else { return }
    state.pointee.sweptAt.store(now, ordering: .relaxed)
    sweep(keeping: keptEmpty, .idle)
  }

  /// Retires the empty slabs, but for `keeping` of them, and gives back pages without a live block
  /// in the others. Lists those first that need no more work: the rest may take a while, and who
  /// finds the list empty makes a new slab.
  package func sweep(keeping: Int, _ purging: Purging = .beyondBound) {
    Sweep.perform { sweepWhole(keeping: keeping, purging) }
  }

  private func sweepWhole(keeping: Int, _ purging: Purging) {
    state.pointee.emptied.store(0, ordering: .relaxed)
    state.pointee.freedPages.store(0, ordering: .relaxed)
    var kept = 0
    var doomed: UInt = 0
    var spare: UInt = 0
    var pages = 0
    var address = stack.popAll()
    while address != 0 {
      let next = TaggedStack.next(after: address)
      let slab = Slab(unsafeRecord: address)
      let isEmpty = slab.isEmpty
      if isEmpty, kept >= keeping {
        TaggedStack.setNext(doomed, after: address)
        doomed = address
      } else {
        if isEmpty { kept += 1 }
        // What marks a slab is an estimate: who wants all looks at all.
        let isLooked = purging == .all || slab.hasFreedPages
        let free = isLooked ? slab.dirtyFreePages.nonzeroBitCount : 0
        if free > 0 || purging == .all && slab.hasLazyPages {
          pages += free
          TaggedStack.setNext(spare, after: address)
          spare = address
        } else {
          stack.push(address)
        }
      }
      address = next
    }
    keep(pages)
    let purged = purge(spare, purging)
    if purged > 0 { keep(max(pages - purged, 0)) }
    retire(doomed)
  }

  /// Counts the pages without a live block that stay.
  private func keep(_ pages: Int) {
    let before = state.pointee.keptPages.exchange(pages, ordering: .relaxed)
    DirtyMemory.add((pages - before) * Int(ProcessFacts.systemPageBytes))
  }

  /// Purges a chain of slabs and lists them again; returns how many pages went.
  private func purge(_ chain: UInt, _ purging: Purging) -> Int {
    let isDue = purging != .beyondBound || DirtyMemory.isTooMuch
    let isLazy = Purge.isLazy && purging != .all
    var purged = 0
    PurgeList.withEmpty { list in
      var address = chain
      var held: UInt = 0
      while address != 0 {
        let slab = Slab(unsafeRecord: address)
        address = TaggedStack.next(after: address)
        guard isDue, purging == .all || !slab.isInYoungHugePage else {
          stack.push(slab.address)
          continue
        }
        list.add(slab.pagesToReturn(purging), of: slab.start)
        TaggedStack.setNext(held, after: slab.address)
        held = slab.address
        if list.isFull {
          purged += giveBack(&list, of: held, lazily: isLazy)
          held = 0
        }
      }
      purged += giveBack(&list, of: held, lazily: isLazy)
    }
    if purging == .idle {
      DirtyMemory.credit.waste(UInt(purged) &* ProcessFacts.systemPageBytes)
    }
    return purged
  }

  /// Gives the pages in the list back, which are those of a chain of slabs, the last one first.
  private func giveBack(_ list: inout PurgeList, of chain: UInt, lazily: Bool) -> Int {
    list.release(lazily: lazily)
    var count = 0
    var address = chain
    while address != 0 {
      let slab = Slab(unsafeRecord: address)
      address = TaggedStack.next(after: address)
      count += slab.noteReturned(list.takeLast(of: slab.start, byteCount: sizeClass.slabBytes))
      stack.push(slab.address)
    }
    return count
  }

  private func retire(_ chain: UInt) {
    var doomed = chain
    while doomed != 0 {
      let slab = Slab(unsafeRecord: doomed)
      doomed = TaggedStack.next(after: doomed)
      guard slab.retire() else {
        stack.push(slab.address)
        continue
      }
      state.pointee.slabs.wrappingSubtract(1, ordering: .relaxed)
    }
  }
}
