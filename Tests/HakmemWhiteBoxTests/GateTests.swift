import CHakmemShims
import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

enum GateTests {
  static let all = [
    WhiteBoxTest("Gate.stopsTheOthersAndNotItsCloser", stopping),
    WhiteBoxTest("Gate.mayBeClosedTwice", twice),
    WhiteBoxTest("Gate.slowCallsThatWereOnTheirWayWait", underWay),
    WhiteBoxTest("Gate.newThreadsWaitForIt", newThreads),
    WhiteBoxTest("Gate.closersTakeTurns", turns),
    WhiteBoxTest("Gate.closesWhileThreadsEnd", ending),
    WhiteBoxTest("Gate.waitsForMappingsAfterAForkInsideOne", mappingAcrossFork),
    WhiteBoxTest("Interception.reachesEveryThreadAndEnds", intercepting),
    WhiteBoxTest("Interception.waitsAtTheGate", interceptedAtTheGate),
  ]

  private static func use() {
    let cache = Fixture.usableCache()
    let block = cache.allocate(SizeClass(6))
    expect(block != 0)
    expect(Fixture.usableCache().bin(SizeClass(6)).push(block))
  }

  private static func stopping() {
    Fixture.setUp()
    let calls = Fixture.words(8)
    let stop = Fixture.words(1)
    Fixture.onThreads(4) { thread in
      if thread > 0 {
        while stop.pointee.load(ordering: .relaxed) == 0 {
          use()
          calls[thread].wrappingAdd(1, ordering: .relaxed)
        }
        return
      }
      for _ in 0..<20 {
        whitebox_sleep(5)
        Gate.close()
        whitebox_sleep(5)
        let before = (1...3).map { calls[$0].load(ordering: .relaxed) }
        use()
        whitebox_sleep(10)
        for index in 1...3 {
          // One call may have been on its last instructions.
          let after = calls[index].load(ordering: .relaxed)
          expect(after - before[index - 1] <= 1, "a thread goes on while the gate is closed")
        }
        ThreadCache.forEach { expectNoFault($0.fault) }
        Gate.open()
      }
      // Ends the test where a thread stands still.
      whitebox_alarm(20)
      let before = (1...3).map { calls[$0].load(ordering: .relaxed) }
      for index in 1...3 {
        while calls[index].load(ordering: .relaxed) == before[index - 1] { whitebox_sleep(1) }
      }
      stop.pointee.store(1, ordering: .relaxed)
    }
  }

  /// A signal handler forks inside a call that maps, and the child returns from it.
  private static func mappingAcrossFork() {
    Fixture.setUp()
    let isMapping = Fixture.words(1)
    let hasMapped = Fixture.words(1)
    Gate.whileMapping { Gate.resetAfterFork() }
    Fixture.onThreads(2) { thread in
      if thread == 1 {
        Gate.whileMapping {
          isMapping.pointee.store(1, ordering: .releasing)
          whitebox_sleep(50)
          hasMapped.pointee.store(1, ordering: .relaxed)
        }
        return
      }
      while isMapping.pointee.load(ordering: .acquiring) == 0 { whitebox_sleep(1) }
      Gate.close()
      expect(hasMapped.pointee.load(ordering: .relaxed) == 1, "the gate closed on a mapping call")
      Gate.open()
    }
  }

  private static func twice() {
    Fixture.setUp()
    use()
    whitebox_alarm(10)
    Gate.close()
    Gate.close()
    use()
    Gate.open()
    Gate.open()
    Fixture.onThreads(2) { _ in use() }
  }

  /// A thread that found its cache open just before the gate closed, and then needs a refill.
  private static func underWay() {
    Fixture.setUp()
    let step = Fixture.words(1)
    let refilled = Fixture.words(1)
    Fixture.onThreads(2) { thread in
      if thread == 0 {
        while step.pointee.load(ordering: .acquiring) == 0 { SystemCalls.yieldProcessor() }
        Gate.close()
        step.pointee.store(2, ordering: .releasing)
        whitebox_sleep(50)
        expectEqual(refilled.pointee.load(ordering: .acquiring), 0, "refills at a closed gate")
        Gate.open()
        return
      }
      let cache = Fixture.usableCache()
      step.pointee.store(1, ordering: .releasing)
      while step.pointee.load(ordering: .acquiring) != 2 { SystemCalls.yieldProcessor() }
      expect(cache.refill(SizeClass(6)) != 0)
      refilled.pointee.wrappingAdd(1, ordering: .releasing)
      expectNoFault(cache.fault)
    }
    expectEqual(refilled.pointee.load(ordering: .relaxed), 1, "refills at an open gate")
  }

  private static func newThreads() {
    Fixture.setUp()
    use()
    let calls = Fixture.words(1)
    let isClosed = Fixture.words(1)
    Fixture.onThreads(3) { thread in
      if thread == 0 {
        Gate.close()
        isClosed.pointee.store(1, ordering: .releasing)
        whitebox_sleep(50)
        expectEqual(calls.pointee.load(ordering: .relaxed), 0, "calls of new threads")
        Gate.open()
        return
      }
      while isClosed.pointee.load(ordering: .acquiring) == 0 { whitebox_sleep(1) }
      use()
      calls.pointee.wrappingAdd(1, ordering: .relaxed)
    }
    expectEqual(calls.pointee.load(ordering: .relaxed), 2, "calls of new threads")
  }

  private static func turns() {
    Fixture.setUp()
    let inside = Fixture.words(1)
    Fixture.onThreads(4) { _ in
      for _ in 0..<300 {
        Gate.close()
        expect(inside.pointee.exchange(1, ordering: .relaxed) == 0, "two threads closed the gate")
        use()
        inside.pointee.store(0, ordering: .relaxed)
        Gate.open()
        use()
      }
    }
  }

  private static func ending() {
    Fixture.setUp()
    let stop = Fixture.words(1)
    Fixture.onThreads(3) { thread in
      if thread == 0 {
        for _ in 0..<1500 {
          Gate.close()
          Gate.open()
        }
        stop.pointee.store(1, ordering: .relaxed)
        return
      }
      while stop.pointee.load(ordering: .relaxed) == 0 {
        Fixture.onThreads(2) { _ in
          use()
          use()
        }
      }
    }
    ThreadCache.forEach { expect(!$0.isOwned) }
  }

  private static func intercepting() {
    Fixture.setUp()
    let step = Fixture.words(1)
    Fixture.onThreads(3) { thread in
      use()
      expect(ThreadCache.current.kind == .open)
      step.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
      while step.pointee.load(ordering: .sequentiallyConsistent) < 3 { whitebox_sleep(1) }
      if thread == 0 {
        Interception.begin(.recorder)
        step.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
      }
      while step.pointee.load(ordering: .sequentiallyConsistent) < 4 { whitebox_sleep(1) }
      use()
      expect(ThreadCache.current.kind == .intercepted)
      expect(Fixture.usableCache().kind == .open)
      step.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
      while step.pointee.load(ordering: .sequentiallyConsistent) < 7 { whitebox_sleep(1) }
      if thread == 1 {
        Interception.end(.recorder)
        step.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
      }
      while step.pointee.load(ordering: .sequentiallyConsistent) < 8 { whitebox_sleep(1) }
      use()
      expect(ThreadCache.current.kind == .open)
    }
  }

  private static func interceptedAtTheGate() {
    Fixture.setUp()
    Interception.begin(.profiler)
    use()
    expect(ThreadCache.current.kind == .intercepted)
    let calls = Fixture.words(1)
    let stop = Fixture.words(1)
    Fixture.onThreads(2) { thread in
      guard thread == 0 else {
        while stop.pointee.load(ordering: .relaxed) == 0 {
          use()
          calls.pointee.wrappingAdd(1, ordering: .relaxed)
        }
        expect(ThreadCache.current.kind == .intercepted)
        return
      }
      while calls.pointee.load(ordering: .relaxed) == 0 { whitebox_sleep(1) }
      Gate.close()
      whitebox_sleep(5)
      let before = calls.pointee.load(ordering: .relaxed)
      whitebox_sleep(10)
      expect(calls.pointee.load(ordering: .relaxed) - before <= 1)
      Gate.open()
      while calls.pointee.load(ordering: .relaxed) < before + 100 { whitebox_sleep(1) }
      stop.pointee.store(1, ordering: .relaxed)
    }
    Interception.end(.profiler)
  }
}
