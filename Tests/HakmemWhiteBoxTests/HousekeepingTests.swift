import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform
import HakmemThreadCache

enum HousekeepingTests {
  static let all = [
    WhiteBoxTest("Housekeeping.memoryDoesNotAgeInAPauseOfTheProgram", pause)
  ]

  private static func pause() {
    Fixture.setUp("HAKMEM_PURGE_DELAY", "60000")
    // Wanted again at once, and again: from then on it is kept.
    for _ in 0..<4 {
      guard let granule = SuperSlabPool.takeGranules() else { return expect(false) }
      Memory.storeWord(1, at: granule.start)
      SuperSlabPool.putGranules(granule)
    }
    expectEqual(SuperSlabPool.warmCount, 1, "warm SuperSlabs")
    Option.purgeDelay.set(10, from: .program)
    whitebox_sleep(60)
    Housekeeping.run(pause: 3_600_000) { $0() }
    expectEqual(SuperSlabPool.warmCount, 1, "warm SuperSlabs after a pause")
    Housekeeping.run(pause: 0) { $0() }
    expectEqual(SuperSlabPool.warmCount, 0, "warm SuperSlabs after as long with slow calls")
  }
}
