import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform

/// That used memory is cleared by writing and little used memory by dropping its pages, and reads as
/// zeroes in either case.
enum ZeroingTests {
  static let all = [
    WhiteBoxTest("Zeroing.usedMemoryKeepsItsPages", used),
    WhiteBoxTest("Zeroing.littleUsedMemoryLosesThem", littleUsed),
    WhiteBoxTest("Zeroing.oneUnusedPageAmongUsedOnesDropsNothing", mostlyUsed),
    WhiteBoxTest("Zeroing.followsAProgramThatChanges", change),
    WhiteBoxTest("Zeroing.piecesOfPagesAreWritten", pieces),
  ]

  private static let bytes: UInt = 1 << 20
  private static let page = Constants.pageBytes

  private static func map() -> UInt {
    guard let start = SystemCalls.map(byteCount: bytes, protection: .readWrite) else {
      Fatal.stop("memory ended")
    }
    return start
  }

  private static func fill(_ start: UInt, everyPages count: UInt = 1) {
    for offset in stride(from: 0, to: bytes, by: Int(count &* page)) {
      Memory.storeWord(.max, at: start &+ offset &+ 1000)
    }
  }

  private static func isZero(_ start: UInt) -> Bool {
    for offset in stride(from: 0, to: bytes, by: 8)
    where Memory.loadWord(at: start &+ offset) != 0 { return false }
    return true
  }

  /// Whether the pages were there right after the memory was cleared.
  private static func keepsPages(_ start: UInt) -> Bool {
    Zeroing.clear(start, bytes)
    expect(whitebox_is_resident(start, Int(page)) != 0, "the first page went")
    let isThere = whitebox_is_resident(start, Int(bytes)) != 0
    expect(isZero(start), "cleared memory is not zero")
    return isThere
  }

  private static func used() {
    Fixture.setUp()
    let start = map()
    for _ in 0..<5 {
      fill(start)
      expect(keepsPages(start), "used memory lost its pages")
    }
  }

  private static func littleUsed() {
    Fixture.setUp()
    let start = map()
    for _ in 0..<5 {
      Memory.storeWord(1, at: start)
      Memory.storeWord(1, at: start &+ bytes / 2 &+ 8)
      Memory.storeWord(1, at: start &+ bytes &- 8)
      expect(!keepsPages(start), "little used memory was written")
    }
  }

  private static func mostlyUsed() {
    Fixture.setUp()
    let start = map()
    for quarter: UInt in 0..<4 {
      fill(start)
      Memory.zero(start &+ quarter &* (bytes / 4), page)
      expect(keepsPages(start), "used memory lost its pages")
    }
  }

  private static func change() {
    Fixture.setUp()
    let start = map()
    for _ in 0..<4 {
      expect(!keepsPages(start), "unused memory was written")
      fill(start)
      expect(keepsPages(start), "used memory lost its pages")
      expect(SystemCalls.advise(start, bytes, .dontNeed))
    }
  }

  private static func pieces() {
    Fixture.setUp()
    let start = map()
    fill(start)
    Memory.storeWord(7, at: start &+ 512 &- 8)
    Memory.storeWord(7, at: start &+ bytes &- 8)
    Zeroing.clear(start &+ 512, bytes &- 520)
    expectEqual(Memory.loadWord(at: start &+ 512 &- 8), 7, "the word before")
    expectEqual(Memory.loadWord(at: start &+ bytes &- 8), 7, "the word behind")
    Memory.storeWord(0, at: start &+ 512 &- 8)
    Memory.storeWord(0, at: start &+ bytes &- 8)
    expect(isZero(start), "cleared memory is not zero")
  }
}
