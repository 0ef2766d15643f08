import CHakmemWhiteBox
import HakmemPlatform
import Synchronization

enum LockTests {
  static let all = [
    WhiteBoxTest("Lock.onlyOneThreadHoldsIt", exclusion),
    WhiteBoxTest("Lock.tryAcquireFailsWhileItIsHeld", trying),
    WhiteBoxTest("Lock.knowsItsHolder", holder),
    WhiteBoxTest("Lock.resetFreesIt", reset),
    WhiteBoxTest("Lock.wrongOrderStopsADebugBuild", order),
    WhiteBoxTest("Lock.threadsHaveIdentitiesOfTheirOwn", identities),
  ]

  private static func exclusion() {
    // A plain counter: increments are lost when two threads are inside at once.
    let counter: UnsafeMutablePointer<Int> = Memory.pointer(at: Fixture.memory(8))
    let inside = Fixture.words(1)
    Fixture.onThreads(4) { _ in
      let lock = Lock(.pageRuns)
      for round in 0..<20_000 {
        lock.acquire()
        expect(inside.pointee.exchange(1, ordering: .relaxed) == 0, "two threads are inside")
        counter.pointee += 1
        if round % 1000 == 0 { SystemCalls.yieldProcessor() }
        inside.pointee.store(0, ordering: .relaxed)
        lock.release()
      }
    }
    expectEqual(counter.pointee, 80_000, "the counter")
  }

  private static func trying() {
    let lock = Lock(.control)
    expect(lock.tryAcquire())
    Fixture.onThreads(1) { _ in
      expect(!Lock(.control).tryAcquire())
      expect(!Lock(.control).tryAcquireForAWhile())
      expect(Lock(.metadata).tryAcquire(), "another lock is free")
      Lock(.metadata).release()
    }
    lock.release()
    expect(lock.tryAcquireForAWhile())
    lock.release()
  }

  private static func holder() {
    let lock = Lock(.addressSpace)
    expect(!lock.isHeldByThisThread)
    lock.acquire()
    expect(lock.isHeldByThisThread)
    expect(!Lock(.metadata).isHeldByThisThread)
    Fixture.onThreads(2) { _ in expect(!Lock(.addressSpace).isHeldByThisThread) }
    lock.release()
    expect(!lock.isHeldByThisThread)
  }

  private static func reset() {
    let lock = Lock(.largeRegions)
    lock.acquire()
    lock.reset()
    expect(!lock.isHeldByThisThread)
    expect(lock.tryAcquire())
    lock.release()
  }

  private static func order() {
    let status = Fixture.inChild {
      whitebox_begin_capture()
      Lock(.addressSpace).acquire()
      Lock(.pageRuns).acquire()
    }
    expectEqual(status, Constants.checksInvariants ? Fixture.abortStatus : 0, "the exit status")
  }

  private static func identities() {
    let count = 64
    let seen = Fixture.words(count)
    let gathered = Fixture.words(1)
    Fixture.onThreads(count) { index in
      seen[index].store(ThreadIdentity.current, ordering: .relaxed)
      // All at once, for the address of a thread that has ended may serve again.
      gathered.pointee.wrappingAdd(1, ordering: .relaxed)
      while gathered.pointee.load(ordering: .relaxed) < UInt(count) { SystemCalls.yieldProcessor() }
    }
    for index in 0..<count {
      let identity = seen[index].load(ordering: .relaxed)
      expect(identity != 0 && identity != ThreadIdentity.current)
      for other in 0..<index { expect(seen[other].load(ordering: .relaxed) != identity) }
    }
  }
}
