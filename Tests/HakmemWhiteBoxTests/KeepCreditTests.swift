import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform

enum KeepCreditTests {
  static let all = [
    WhiteBoxTest("KeepCredit.growsFromTheSecondRegretOn", growth),
    WhiteBoxTest("KeepCredit.oldRegretsDoNotCount", age),
    WhiteBoxTest("KeepCredit.remembersForLongerThanMemoryWaits", memory),
    WhiteBoxTest("KeepCredit.staysBetweenZeroAndItsBound", bounds),
    WhiteBoxTest("PurgeDelay.doublesWhileThereAreRegrets", delay),
    WhiteBoxTest("PurgeDelay.doublesWhenPurgedPagesAreWantedSoon", regrets),
  ]

  private static func credit() -> KeepCredit {
    // The clock begins at 0 with the machine; a time of 0 means «never».
    while Clock.milliseconds() == 0 { whitebox_sleep(10) }
    return KeepCredit(unsafeAt: Fixture.memory(64))
  }

  private static func delay() {
    Fixture.set("HAKMEM_PURGE_DELAY", "100")
    Option.readEnvironment()
    let delay = PurgeDelay(unsafeAt: Fixture.memory(64))
    expectEqual(UInt(delay.milliseconds(at: 1000)), 100, "the delay at first")
    delay.lengthen(at: 1000)
    delay.lengthen(at: 1500)
    expectEqual(UInt(delay.milliseconds(at: 1500)), 200, "the delay after two regrets")
    expectEqual(UInt(delay.milliseconds(at: 2299)), 200, "the delay soon after")
    expectEqual(UInt(delay.milliseconds(at: 2300)), 100, "the delay in peace")
  }

  private static func regrets() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Option.readEnvironment()
    let credit = credit()
    credit.regret(1 << 20, returnedAt: Clock.milliseconds())
    expectEqual(UInt(PurgeDelay.shared.milliseconds()), 60_000, "the delay after one regret")
    credit.regret(1 << 20, returnedAt: Clock.milliseconds())
    expectEqual(UInt(PurgeDelay.shared.milliseconds()), 120_000, "the delay after two")
  }

  private static func growth() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Option.readEnvironment()
    let credit = credit()
    credit.regret(1 << 20, returnedAt: Clock.milliseconds())
    expectEqual(credit.bytes, 0, "the credit after one regret")
    credit.regret(1 << 20, returnedAt: Clock.milliseconds())
    expectEqual(credit.bytes, 1 << 20, "the credit after two")
    credit.regret(2 << 20, returnedAt: Clock.milliseconds())
    expectEqual(credit.bytes, 3 << 20, "the credit after three")
    credit.waste(1 << 20)
    expectEqual(credit.bytes, 2 << 20, "the credit after waste")
  }

  private static func age() {
    Fixture.set("HAKMEM_PURGE_DELAY", "50")
    Option.readEnvironment()
    let credit = credit()
    for _ in 0..<3 { credit.regret(1 << 20, returnedAt: Clock.milliseconds() &- 200) }
    expectEqual(credit.bytes, 0, "the credit after late regrets")
    for _ in 0..<3 {
      credit.regret(1 << 20, returnedAt: Clock.milliseconds())
      whitebox_sleep(200)
    }
    expectEqual(credit.bytes, 0, "the credit after rare regrets")
  }

  private static func memory() {
    Fixture.set("HAKMEM_PURGE_DELAY", "40000")
    Option.readEnvironment()
    let credit = credit()
    for _ in 0..<3 { credit.regret(1 << 20, returnedAt: Clock.milliseconds() &- 60_000) }
    expectEqual(credit.bytes, 2 << 20, "the credit after regrets within two and a half delays")
    for _ in 0..<3 { credit.regret(1 << 20, returnedAt: Clock.milliseconds() &- 101_000) }
    expectEqual(credit.bytes, 2 << 20, "the credit after regrets beyond them")
  }

  private static func bounds() {
    Fixture.set("HAKMEM_PURGE_DELAY", "60000")
    Fixture.set("HAKMEM_WARM_MIB", "4")
    Option.readEnvironment()
    let credit = credit()
    for _ in 0..<10 { credit.regret(1 << 20, returnedAt: Clock.milliseconds()) }
    expectEqual(credit.bytes, 4 << 20, "the credit at its bound")
    credit.waste(64 << 20)
    expectEqual(credit.bytes, 0, "the credit after much waste")
  }
}
