/// `hakmem map` for the terminal: a line for each SuperSlab, a character for each 64 KiB.
package enum MapText {
  package static func lines(_ found: Inspection) -> [String] {
    var lines = [
      TerminalStyle.coloured("Heap of process \(found.pid) (\(found.program))", .heading),
      "  a line: 2 MiB, a character: 64 KiB. Slabs by block size: " + legend,
      "  capital: at least half is live; small: less; |: medium blocks; ·: free, used before",
      "  H: huge pages", "",
    ]
    var previous: SuperSlabPicture?
    var repeats = 0
    func flush() {
      if repeats > 0 { lines.append("    … \(repeats) more like this") }
      repeats = 0
    }
    for picture in found.map.superSlabs {
      if let previous, previous.cells == picture.cells, previous.resident == picture.resident {
        repeats += 1
        continue
      }
      flush()
      lines.append(line(picture))
      previous = picture
    }
    flush()
    if !found.map.large.isEmpty { lines += ["", "  large blocks"] }
    for block in found.map.large {
      lines.append(
        "  0x\(String(block.start, radix: 16))  \(Figures.bytes(block.bytes)), "
          + "\(Figures.bytes(block.resident)) resident\(block.huge > 0 ? " H" : "")"
          + (block.isLive ? "" : ", free and kept"))
    }
    return lines
  }

  private static func line(_ picture: SuperSlabPicture) -> String {
    let address = "0x" + String(picture.start, radix: 16)
    let cells = picture.cells.map(cell).joined()
    let resident = Figures.bytes(picture.resident)
    return "  \(address)  \(cells)  \(picture.huge > 0 ? "H" : " ")"
      + String(repeating: " ", count: max(0, 9 - resident.count)) + resident
  }

  /// Block sizes up to each bound share a letter.
  private static let letters: [(bound: Int, letter: String)] = [
    (32, "a"), (64, "b"), (128, "c"), (256, "d"), (512, "e"), (1024, "f"), (2048, "g"),
    (4096, "h"), (8192, "i"), (16384, "j"), (32768, "k"),
    (65536, "l"), (131072, "m"), (262144, "n"),
  ]

  private static var legend: String {
    "a ≤ 32, b ≤ 64, c ≤ 128 … n ≤ 256 KiB"
  }

  private static func cell(_ cell: SuperSlabPicture.Cell) -> String {
    let isFull = cell.live * 2 >= SuperSlabPicture.granuleBytes
    let meaning: TerminalStyle.Meaning = isFull ? .good : cell.live > 0 ? .caution : .quiet
    if cell.blockSize > 0 {
      let letter = letters.first { cell.blockSize <= $0.bound }?.letter ?? "n"
      return TerminalStyle.coloured(isFull ? letter.uppercased() : letter, meaning)
    }
    if cell.isRun { return TerminalStyle.coloured("|", meaning) }
    return cell.free > 0 ? TerminalStyle.coloured("·", .quiet) : " "
  }
}
