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

  private static func nested() {
    let lock = Lock(.largeRegions)
    lock.acquire()
    ForkLocks.take()
    let all = heldCount
    expect(all > 1 && ForkLocks.depth == 1)
    ForkLocks.take()
    expect(ForkLocks.depth == 2)
    ForkLocks.release()
    expectEqual(heldCount, all, "locks that the inner fork left")
    ForkLocks.release()
    expectEqual(heldCount, 1, "locks that the outer fork left")
    expect(lock.isHeldByThisThread && ForkLocks.depth == 0)
    lock.release()
    ForkLocks.take()
    ForkLocks.release()
    expectEqual(heldCount, 0, "locks after a fork of its own")
  }

  private static func child() {
    ForkLocks.take()
    Sweep.prepareFork()
    let all = heldCount
    ForkLocks.take()
    Sweep.prepareFork()
    expect(!ForkLocks.reset(), "the inner fork took what the outer one has")
    Sweep.resumeChild()
    expectEqual(heldCount, all, "locks of the outer fork, in the child of the inner one")
    ForkLocks.release()
    Sweep.resumeParent()
    expectEqual(heldCount, 0, "locks after both")
    var isSwept = false
    Sweep.perform { isSwept = true }
    expect(isSwept, "a sweep waits for a fork that is over")
    ForkLocks.take()
    expect(ForkLocks.reset())
    expectEqual(heldCount, 0, "locks in the child of one fork")
  }

  /// A signal comes while a fork waits for threads that sweep; the handler's child returns into it.
  private static func waiting() {
    Sweep.prepareFork()
    Sweep.prepareFork()
    ForkLocks.take()
    expect(ForkLocks.reset())
    Sweep.resumeChild()
    ForkLocks.take()
    ForkLocks.release()
    Sweep.resumeParent()
    var isSwept = false
    Sweep.perform { isSwept = true }
    expect(isSwept, "a sweep waits for a fork that is over")
  }
}
