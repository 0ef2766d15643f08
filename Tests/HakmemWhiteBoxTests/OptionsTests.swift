import CHakmemWhiteBox
import HakmemPlatform

enum OptionsTests {
  static let all = [
    WhiteBoxTest("Options.defaultsAreInForceWithoutAnEnvironment", defaults),
    WhiteBoxTest("Options.valuesOfTheEnvironmentAreTaken", environment),
    WhiteBoxTest("Options.boundsBelongToTheRange", bounds),
    WhiteBoxTest("Options.badValuesAreNamedOnceAndTheDefaultHolds", badValues),
    WhiteBoxTest("Options.unknownNamesAreReported", unknownNames),
    WhiteBoxTest("Options.quietSilencesComplaints", quiet),
    WhiteBoxTest("Options.modeMovesOnlyWhatTheEnvironmentLeftAlone", mode),
    WhiteBoxTest("Options.keywordsAreWrittenAsTheyAreRead", keywords),
  ]

  private static func defaults() {
    let written = Fixture.messages { Option.readEnvironment() }
    expectEqual(written.count, 0, "the length of messages")
    expectEqual(Option.cacheBytes.value, 32, "HAKMEM_CACHE_KIB")
    expectEqual(Option.purgeDelay.value, 200, "HAKMEM_PURGE_DELAY")
    expect(Mode.current == .balanced)
    expect(!Option.quiet.isOn && !Option.verbose.isOn)
    Option.forEach { expect($0.source == .standard) }
  }

  private static func environment() {
    Fixture.set("HAKMEM_CACHE_KIB", "64")
    Fixture.set("HAKMEM_VERBOSE", "1")
    Fixture.set("HAKMEM_MODE", "memory")
    Fixture.set("NOT_HAKMEM_QUIET", "1")
    let written = Fixture.messages { Option.readEnvironment() }
    expectEqual(written.count, 0, "the length of messages")
    expectEqual(Option.cacheBytes.value, 64, "HAKMEM_CACHE_KIB")
    expect(Option.cacheBytes.source == .environment)
    expect(Option.verbose.isOn)
    expect(Mode.current == .memory)
    expect(!Option.quiet.isOn)
  }

  private static func bounds() {
    Fixture.set("HAKMEM_CACHE_KIB", "1024")
    Fixture.set("HAKMEM_PURGE_DELAY", "0")
    Fixture.set("HAKMEM_WARM_MIB", "0000001048576")
    let written = Fixture.messages { Option.readEnvironment() }
    expectEqual(written.count, 0, "the length of messages")
    expectEqual(Option.cacheBytes.value, 1024, "HAKMEM_CACHE_KIB")
    expectEqual(Option.purgeDelay.value, 0, "HAKMEM_PURGE_DELAY")
    expectEqual(Option.warmBytes.value, 1 << 20, "HAKMEM_WARM_MIB")
  }

  private static func badValues() {
    for value: StaticString in [
      "", "0", "1025", "12x", " 12", "-1", "+5", "1e3", "99999999999999999999999999", "0x10",
    ] {
      Fixture.set("HAKMEM_CACHE_KIB", value)
      let written = Fixture.messages { Option.readEnvironment() }
      expectEqual(written.occurrences(of: "HAKMEM_CACHE_KIB="), 1, "mentions of the name")
      expectEqual(written.occurrences(of: "\n"), 1, "lines")
      expect(written.contains("1…1024") && written.contains("the default 32 holds"))
      expectEqual(Option.cacheBytes.value, 32, "HAKMEM_CACHE_KIB")
      expect(Option.cacheBytes.source == .standard)
    }
    whitebox_clear_environment()
    for value: StaticString in ["fast", "", "balance", "balancedx", "speed|memory", "Speed"] {
      Fixture.set("HAKMEM_MODE", value)
      let written = Fixture.messages { Option.readEnvironment() }
      expectEqual(written.occurrences(of: "HAKMEM_MODE="), 1, "mentions of the name")
      expect(Mode.current == .balanced)
    }
  }

  private static func unknownNames() {
    Fixture.set("HAKMEM_CACHE", "1")
    Fixture.set("HAKMEM_CACHE_KIBI", "1")
    Fixture.set("HAKMEM_TEST_SCALE", "1")
    Fixture.set("HAKMEM_PEERS", "1")
    Fixture.set("HAKMEM_LIBRARY", "1")
    let written = Fixture.messages { Option.readEnvironment() }
    expectEqual(written.occurrences(of: "\n"), 2, "lines")
    expect(written.contains("HAKMEM_CACHE\n") && written.contains("HAKMEM_CACHE_KIBI\n"))
  }

  private static func quiet() {
    Fixture.set("HAKMEM_CACHE_KIB", "many")
    Fixture.set("HAKMEM_NOTHING", "1")
    Fixture.set("HAKMEM_QUIET", "1")
    expectEqual(Fixture.messages { Option.readEnvironment() }.count, 0, "the length of messages")
    expect(Option.quiet.isOn)
  }

  private static func mode() {
    Fixture.set("HAKMEM_MODE", "speed")
    Fixture.set("HAKMEM_CACHE_KIB", "64")
    Option.readEnvironment()
    expectEqual(Option.cacheBytes.value, 64, "HAKMEM_CACHE_KIB")
    expectEqual(Option.purgeDelay.value, 2000, "HAKMEM_PURGE_DELAY")
    expect(Option.purgeDelay.source == .mode)
    Option.purgeDelay.set(7, from: .program)
    expect(Option.purgeDelay.value == 7 && Option.purgeDelay.source == .program)
  }

  private static func keywords() {
    for value: StaticString in ["balanced", "speed", "memory"] {
      Fixture.set("HAKMEM_MODE", value)
      Option.readEnvironment()
      let written = Fixture.messages {
        Text.message {
          Option.mode.appendValue(to: &$0)
          $0.append(" ")
          Option.cacheBytes.appendValue(to: &$0)
        }
      }
      expect(written.contains(value))
      expectEqual(written.occurrences(of: "|"), 0, "separators")
    }
  }
}
