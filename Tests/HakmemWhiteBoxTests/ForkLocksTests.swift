import HakmemPlatform

enum ForkLocksTests {
  static let all = [
    WhiteBoxTest("ForkLocks.areReleasedByTheForkThatTookThem", nested),
    WhiteBoxTest("ForkLocks.heldBeforeStayInTheChild", child),
    WhiteBoxTest("ForkLocks.mayBeAskedForByAForkThatWaitsForSweeps", waiting),
  ]

  private static var heldCount: Int {
    var count = 0
    LockRank.forEach { if Lock($0).isHeldByThisThread { count += 1 } }
    return count
  }

  private static func take() {
    ForkLocks.enter()
    ForkLocks.take()
  }
  private static func release() {
    ForkLocks.release()
    ForkLocks.leave()
  }
  private static func reset() -> Bool {
    defer { ForkLocks.leave() }
    return ForkLocks.reset()
  }

  private static func nested() {
    let lock = Lock(.largeRegions)
    lock.acquire()
    take()
    let all = heldCount
    expect(all > 1 && ForkLocks.depth == 1)
    take()
    expect(ForkLocks.depth == 2)
    release()
    expectEqual(heldCount, all, "locks that the inner fork left")
    release()
    expectEqual(heldCount, 1, "locks that the outer fork left")
    expect(lock.isHeldByThisThread && ForkLocks.depth == 0)
    lock.release()
    take()
    release()
    expectEqual(heldCount, 0, "locks after a fork of its own")
  }

  private static func child() {
    take()
    Sweep.prepareFork()
    let all = heldCount
    take()
    Sweep.prepareFork()
    expect(!reset(), "the inner fork took what the outer one has")
    Sweep.resumeChild()
    expectEqual(heldCount, all, "locks of the outer fork, in the child of the inner one")
    release()
    Sweep.resumeParent()
    expectEqual(heldCount, 0, "locks after both")
    var isSwept = false
    Sweep.perform { isSwept = true }
    expect(isSwept, "a sweep waits for a fork that is over")
    take()
    expect(reset())
    expectEqual(heldCount, 0, "locks in the child of one fork")
  }

  /// A signal comes while a fork waits for threads that sweep; the handler's child returns into it.
  private static func waiting() {
    ForkLocks.enter()
    Sweep.prepareFork()
    take()
    Sweep.prepareFork()
    expect(reset())
    Sweep.resumeChild()
    expect(ForkLocks.depth == 1, "the child knows of the fork that it returns into")
    ForkLocks.take()
    release()
    Sweep.resumeParent()
    var isSwept = false
    Sweep.perform { isSwept = true }
    expect(isSwept, "a sweep waits for a fork that is over")
  }
}
