import HakmemPlatform

enum TextTests {
  static let all = [
    WhiteBoxTest("Text.numbersAreDecimalOrHexadecimal", numbers),
    WhiteBoxTest("Text.sizesUseTheLargestUnitThatKeepsThreeDigits", sizes),
    WhiteBoxTest("Text.whatDoesNotFitIsCountedAndDropped", overflow),
    WhiteBoxTest("Text.cStringsEndAtTheirNULOrTheLimit", cStrings),
    WhiteBoxTest("Text.padFillsUpToAColumn", padding),
    WhiteBoxTest("Text.messagesAreCutAtTheirCapacity", messages),
  ]

  private static func expectText(
    _ expected: StaticString, capacity: Int = 100, line: UInt = #line,
    _ build: (inout Text) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { bytes in
      let start = bytes.baseAddress.unsafelyUnwrapped
      for index in 0..<128 { start[index] = 0xee }
      var text = Text(start, capacity: capacity)
      build(&text)
      let length = expected.utf8CodeUnitCount
      for index in 0..<length { expect(start[index] == expected.utf8Start[index], line: line) }
      expect(start[length] == 0xee, "nothing behind the text is written", line: line)
    }
  }

  private static func numbers() {
    expectText("0") { $0.append(0 as UInt) }
    expectText("9 10 99 100") {
      $0.append(9 as UInt)
      $0.append(" ")
      $0.append(10 as UInt)
      $0.append(" ")
      $0.append(99 as UInt)
      $0.append(" ")
      $0.append(100 as UInt)
    }
    expectText("18446744073709551615") { $0.append(UInt.max) }
    expectText("0x0") { $0.append(hex: 0) }
    expectText("0xf") { $0.append(hex: 15) }
    expectText("0x10") { $0.append(hex: 16) }
    expectText("0x7f00deadbeef") { $0.append(hex: 0x7f00_dead_beef) }
    expectText("0xffffffffffffffff") { $0.append(hex: .max) }
  }

  private static func sizes() {
    expectText("0 B") { $0.append(bytes: 0) }
    expectText("10239 B") { $0.append(bytes: 10239) }
    expectText("10 KiB") { $0.append(bytes: 10240) }
    expectText("10239 KiB") { $0.append(bytes: (10 << 20) - 1) }
    expectText("10 MiB") { $0.append(bytes: 10 << 20) }
  }

  private static func overflow() {
    expectText("hakm", capacity: 4) {
      $0.append("hakmem")
      expectEqual($0.count, 6, "the count")
    }
    expectText("", capacity: 0) {
      $0.append("hakmem")
      $0.terminate()
      expectEqual($0.count, 6, "the count")
    }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { bytes in
      var text = Text(bytes.baseAddress.unsafelyUnwrapped, capacity: 4)
      text.append("hakmem")
      text.terminate()
      expect(bytes[2] == UInt8(ascii: "k") && bytes[3] == 0, "the NUL lies inside the capacity")
    }
  }

  private static func cStrings() {
    let string: StaticString = "hakmem"
    expectText("hakmem") { $0.append(cString: string.utf8Start) }
    expectText("hak") { $0.append(cString: string.utf8Start, limit: 3) }
    expectText("") { $0.append(cString: string.utf8Start, limit: 0) }
  }

  private static func padding() {
    expectText("ab   c") {
      let start = $0.count
      $0.append("ab")
      $0.pad(to: 5, from: start)
      $0.pad(to: 2, from: start)
      $0.append("c")
    }
  }

  private static func messages() {
    let written = Fixture.messages {
      Text.message { for _ in 0..<2000 { $0.append(byte: UInt8(ascii: "x")) } }
      Text.message { $0.append("short\n") }
    }
    expectEqual(written.count, 1024 + 6, "the length of both messages")
    expect(written.contains("xshort\n"))
  }
}
