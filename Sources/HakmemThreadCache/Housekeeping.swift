import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// What slow calls do now and then: give back what lies idle.
package enum Housekeeping {
  static let periodMilliseconds: UInt32 = 100

  private static var lastRun: UnsafeMutablePointer<Atomic<UInt32>> {
    Memory.pointer(at: CacheStorage.housekeeping)
  }

  /// Called by a thread with its own cache at the end of some of its slow calls.
  static func tick(_ cache: ThreadCache) {
    if Constants.checksInvariants { cache.checkWhole() }
    let now = Clock.milliseconds()
    if now &- cache.record.pointee.lastLook >= periodMilliseconds {
      cache.record.pointee.lastLook = now
      cache.shrinkIdleBins(at: now)
    }
    // The background thread's turn comes first.
    let period = Background.attend() ? 5 * periodMilliseconds : periodMilliseconds
    let last = lastRun.pointee.load(ordering: .relaxed)
    guard now &- last >= period,
      lastRun.pointee.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    else { return }
    let elapsed = now &- last
    run(pause: elapsed &- min(elapsed, 2 &* period)) { $0() }
  }

  /// All of it, in steps that `perform` carries out. `pause`: milliseconds before it in which nobody
  /// made slow calls. What lay free then was not unwanted, and does not age by it.
  package static func run(pause: UInt32, by perform: (() -> Void) -> Void) {
    lastRun.pointee.store(Clock.milliseconds(), ordering: .relaxed)
    let delay = PurgeDelay.shared.milliseconds() &+ pause
    ControlGroup.follow()
    perform { Depot.shrinkIdle(reject: Misuse.report) }
    perform { ThreadCache.flushParked(age: delay) }
    ThreadCache.trimIdle(by: perform)
    for number in 1..<SizeClass.count {
      SlabList.forEach(SizeClass(number)) { list in perform { list.age(delay) } }
    }
    perform { SlabTails.age(delay) }
    perform { Purge.run(age: delay) }
    if Option.statisticsPage.isOn { StatisticsPage.refresh() }
  }

  /// Gives back everything that lies free: the caller's cache, the depots, empty slabs and pages.
  package static func purgeEverything() {
    let cache = ThreadCache.current.opened
    if cache.kind == .open {
      cache.flush(toSlabs: true)
      cache.dropRuns()
    }
    ThreadCache.flushParked(age: 0)
    for number in 1..<SizeClass.count {
      Depot.drain(SizeClass(number), reject: Misuse.report)
    }
    SlabTails.dropAll()
    SuperSlabPool.retireEmpty()
    PageRuns.retireEmpty()
    Purge.run(age: 0)
  }
}

extension ThreadCache {
  /// Called at the end of each call for a large block, outside all locks: a program may make no other
  /// slow calls.
  package static func tickIfAny() {
    let cache = current.opened
    guard cache.kind == .open else { return }
    cache.record.pointee.largeCalls &+= 1
    let callsBetweenLooks: UInt32 = 4
    if cache.record.pointee.largeCalls % callsBetweenLooks == 0 { Housekeeping.tick(cache) }
  }

  /// As a change, since a trimmer may be at work on a cache whose owner makes a slow call.
  fileprivate func checkWhole() {
    beginChange()
    check(fault)
    endChange()
  }

  /// Moves half of each bin that had no slow call since the last look to the depot.
  func shrinkIdleBins(at now: UInt32) {
    beginChange()
    halveMediumRoom(at: now)
    let active = record.pointee.activeClasses
    record.pointee.activeClasses = 0
    for number in 1..<SizeClass.count where active & (1 << UInt64(number % 64)) == 0 {
      let sizeClass = SizeClass(number)
      let idle = count(sizeClass) / 2
      if idle > 0 { moveOldest(min(idle, Depot.batchCapacity), of: sizeClass) }
    }
    endChange()
  }
}
