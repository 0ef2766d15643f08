import HakmemPlatform

/// The numbers of live blocks: from each block's address to its number, and the numbers that are
/// free. The number that was freed last is given first, so that the greatest is the largest count of
/// blocks that were live at a time.
///
/// The addresses are in a hash table with linear probing, at most three quarters full. All zero is a
/// valid, empty state.
package struct BlockNumbers: ~Copyable {
  /// An entry is the address, 0 for none, and the number.
  private static let entryBytes: UInt = 16
  private static let firstCapacity: UInt = 1 << 12

  private var table: UInt = 0
  /// A power of two.
  private var capacity: UInt = 0
  package private(set) var count: UInt = 0
  private var free = NumberStack()

  package init() {}

  /// Gives the block, which has none, a number; nil when memory is exhausted.
  package mutating func insert(_ block: UInt) -> UInt? {
    guard let number = free.pop() else { return nil }
    guard put(number, for: block) else {
      free.push(number)
      return nil
    }
    return number
  }

  /// Gives the block the number that another address had; false when memory is exhausted.
  package mutating func put(_ number: UInt, for block: UInt) -> Bool {
    guard (count &+ 1) &* 4 <= capacity &* 3 || grow() else { return false }
    let entry = self.entry(of: block)
    Memory.storeWord(block, at: entry)
    Memory.storeWord(number, at: entry &+ 8)
    count &+= 1
    return true
  }

  /// Takes the block's number, which stays in use, from it; nil when it has none.
  package mutating func take(_ block: UInt) -> UInt? {
    guard count > 0 else { return nil }
    let entry = self.entry(of: block)
    guard Memory.loadWord(at: entry) == block else { return nil }
    let number = Memory.loadWord(at: entry &+ 8)
    close(gap: entry)
    count &-= 1
    return number
  }

  /// Lets the number serve again.
  package mutating func release(_ number: UInt) { free.push(number) }

  // MARK: The table

  private func home(of block: UInt) -> UInt {
    let fibonacci: UInt = 0x9e37_79b9_7f4a_7c15
    return ((block >> 4) &* fibonacci) >> UInt(UInt.bitWidth - capacity.trailingZeroBitCount)
  }

  /// Where the block stands or, when it is not there, belongs.
  private func entry(of block: UInt) -> UInt {
    var index = home(of: block)
    while true {
      let entry = table &+ index &* Self.entryBytes
      let found = Memory.loadWord(at: entry)
      if found == block || found == 0 { return entry }
      index = (index &+ 1) & (capacity &- 1)
    }
  }

  /// Moves up entries that the empty one would cut off from their home.
  private func close(gap: UInt) {
    var hole = (gap &- table) / Self.entryBytes
    var index = hole
    while true {
      index = (index &+ 1) & (capacity &- 1)
      let entry = table &+ index &* Self.entryBytes
      let block = Memory.loadWord(at: entry)
      if block == 0 { break }
      let distance = (index &- home(of: block)) & (capacity &- 1)
      guard distance >= (index &- hole) & (capacity &- 1) else { continue }
      Memory.copy(from: entry, to: table &+ hole &* Self.entryBytes, Self.entryBytes)
      hole = index
    }
    Memory.storeWord(0, at: table &+ hole &* Self.entryBytes)
  }

  private mutating func grow() -> Bool {
    let old = table
    let oldBytes = capacity &* Self.entryBytes
    let new = max(capacity &* 2, Self.firstCapacity)
    guard let mapped = SystemCalls.map(byteCount: new &* Self.entryBytes, protection: .readWrite)
    else { return false }
    table = mapped
    capacity = new
    var source = old
    while source < old &+ oldBytes {
      let block = Memory.loadWord(at: source)
      if block != 0 { Memory.copy(from: source, to: entry(of: block), Self.entryBytes) }
      source &+= Self.entryBytes
    }
    if oldBytes > 0 { SystemCalls.unmap(old, oldBytes) }
    return true
  }
}

/// Numbers that are free: those that came back, the last one first, then new ones.
private struct NumberStack: ~Copyable {
  private static let firstCapacity: UInt = 1 << 10
  /// What the trace format can name.
  private static let greatest: UInt = 0xFFFF_FFFE

  private var slots: UInt = 0
  private var capacity: UInt = 0
  private var count: UInt = 0
  private var fresh: UInt = 0

  init() {}

  /// Makes sure that the number has room when it comes back; nil when memory is exhausted.
  mutating func pop() -> UInt? {
    if count > 0 {
      count &-= 1
      return UInt(Memory.pointer(at: slots &+ count &* 4, to: UInt32.self).pointee)
    }
    guard fresh <= Self.greatest, fresh < capacity || grow() else { return nil }
    fresh &+= 1
    return fresh &- 1
  }

  mutating func push(_ number: UInt) {
    Memory.pointer(at: slots &+ count &* 4, to: UInt32.self).pointee = UInt32(
      truncatingIfNeeded: number)
    count &+= 1
  }

  private mutating func grow() -> Bool {
    let new = max(capacity &* 2, Self.firstCapacity)
    guard let mapped = SystemCalls.map(byteCount: new &* 4, protection: .readWrite) else {
      return false
    }
    if capacity > 0 {
      Memory.copy(from: slots, to: mapped, count &* 4)
      SystemCalls.unmap(slots, capacity &* 4)
    }
    slots = mapped
    capacity = new
    return true
  }
}
