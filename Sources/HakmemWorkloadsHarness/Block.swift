/// What a workload writes into a block and expects to find when it frees it.
///
/// The first word is the address times an odd constant, exclusive-or the size in either half of
/// the word: a check needs the pointer alone, and any change of the word makes the halves differ.
/// The last byte is derived from both. Two blocks that overlap, or an allocator that writes into
/// live blocks, change one of them. Blocks have 8 bytes at least and less than 4 GiB.
package enum Block {
  package static let minimumSize = 8
  package static let maximumSize = Int(UInt32.max)
  private static let pageSize = 4096

  @inline(__always)
  private static func key(_ block: UnsafeMutableRawPointer) -> UInt {
    UInt(bitPattern: block) &* 0x9E37_79B9_7F4A_7C15
  }

  @inline(__always)
  private static func firstWord(_ block: UnsafeMutableRawPointer, _ size: UInt) -> UInt {
    key(block) ^ (size | size << 32)
  }

  /// The size that a block's first word says, if it is sound.
  @inline(__always)
  private static func checkedSize(_ block: UnsafeMutableRawPointer) -> UInt {
    let word = block.load(as: UInt.self)
    let halves = word ^ key(block)
    let size = halves & 0xFFFF_FFFF
    if halves >> 32 != size { damagedFirstWord(block, word) }
    return size
  }

  @inline(__always)
  private static func lastByte(_ block: UnsafeMutableRawPointer, _ size: UInt) -> UInt8 {
    UInt8(truncatingIfNeeded: (UInt(bitPattern: block) >> 4) ^ size)
  }

  /// Writes the first word and the last byte.
  @inline(__always)
  package static func mark(_ block: UnsafeMutableRawPointer, size: Int) {
    let size = UInt(bitPattern: size)
    if size > 8 {
      block.storeBytes(
        of: lastByte(block, size), toByteOffset: Int(bitPattern: size) &- 1, as: UInt8.self)
    }
    block.storeBytes(of: firstWord(block, size), as: UInt.self)
  }

  /// Checks what `mark` wrote and returns the size.
  @inline(__always)
  @discardableResult
  package static func check(_ block: UnsafeMutableRawPointer) -> Int {
    let size = checkedSize(block)
    if size > 8 {
      let found = block.load(fromByteOffset: Int(bitPattern: size) &- 1, as: UInt8.self)
      if found != lastByte(block, size) { damagedLastByte(block, size, found) }
    }
    return Int(bitPattern: size)
  }

  /// Writes the first word, and the last byte of one block in 32 (those whose size is a multiple
  /// of 32): for workloads whose blocks change processors, where each line that is touched costs
  /// more than the allocator does.
  @inline(__always)
  package static func markLightly(_ block: UnsafeMutableRawPointer, size: Int) {
    if size & 31 == 0 {
      mark(block, size: size)
    } else {
      block.storeBytes(of: firstWord(block, UInt(bitPattern: size)), as: UInt.self)
    }
  }

  /// Checks what `markLightly` wrote.
  @inline(__always)
  package static func checkLightly(_ block: UnsafeMutableRawPointer) {
    let size = checkedSize(block)
    if size & 31 == 0 { check(block) }
  }

  /// Writes a word at the start of every 4 KiB page from offset `from` on, as a program that uses
  /// the whole block would. The words are derived from `origin`, which outlives a realloc.
  @inline(__always)
  package static func markPages(
    _ block: UnsafeMutableRawPointer, from: Int, size: Int, origin: UnsafeMutableRawPointer
  ) {
    var offset = (from + pageSize - 1) & ~(pageSize - 1)
    while offset + 9 <= size {
      block.storeBytes(of: key(origin) &+ UInt(offset), toByteOffset: offset, as: UInt.self)
      offset += pageSize
    }
  }

  /// Checks what `markPages` wrote.
  @inline(__always)
  package static func checkPages(
    _ block: UnsafeMutableRawPointer, from: Int, size: Int, origin: UnsafeMutableRawPointer
  ) {
    var offset = (from + pageSize - 1) & ~(pageSize - 1)
    while offset + 9 <= size {
      let expected = key(origin) &+ UInt(offset)
      let found = block.load(fromByteOffset: offset, as: UInt.self)
      if found != expected {
        Failure.damaged(block, offset: offset, expected: expected, found: found)
      }
      offset += pageSize
    }
  }

  /// First word, last byte and, if `touching`, every page.
  @inline(__always)
  package static func mark(_ block: UnsafeMutableRawPointer, size: Int, touching: Bool) {
    mark(block, size: size)
    if touching { markPages(block, from: pageSize, size: size, origin: block) }
  }

  @inline(__always)
  package static func check(_ block: UnsafeMutableRawPointer, touched: Bool) {
    let size = check(block)
    if touched { checkPages(block, from: pageSize, size: size, origin: block) }
  }

  @inline(never)
  private static func damagedFirstWord(_ block: UnsafeMutableRawPointer, _ word: UInt) -> Never {
    Failure.damaged(block, offset: 0, expected: key(block), found: word)
  }

  @inline(never)
  private static func damagedLastByte(
    _ block: UnsafeMutableRawPointer, _ size: UInt, _ found: UInt8
  ) -> Never {
    Failure.damaged(
      block, offset: Int(size) - 1, expected: UInt(lastByte(block, size)), found: UInt(found))
  }
}
