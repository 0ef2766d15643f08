import HakmemPlatform
import HakmemRecorder

enum RecorderTests {
  static let all = [
    WhiteBoxTest("BlockNumbers.areTheSmallestAndUnique", blocks),
    WhiteBoxTest("BlockNumbers.followABlockThatMoves", moves),
    WhiteBoxTest("ThreadNumbers.areTheLowestThatIsFree", threads),
    WhiteBoxTest("ThreadNumbers.areSharedWhenTheyRunOut", manyThreads),
  ]

  /// Random allocations and frees at addresses that collide often, beside a plain table.
  private static func blocks() {
    ProcessFacts.learn()
    let slots = 20_000
    // The number of each slot's block and one, 0 for none; and the slot of each number and one.
    let numbers: UnsafeMutablePointer<UInt> = Memory.pointer(at: Fixture.memory(slots * 8))
    let owners: UnsafeMutablePointer<UInt> = Memory.pointer(at: Fixture.memory((slots + 1) * 8))
    var table = BlockNumbers()
    var random = Random(7)
    var live: UInt = 0
    var peak: UInt = 0
    for _ in 0..<400_000 {
      let slot = random.below(slots)
      let block = 0x7000_0000_0000 &+ UInt(slot) &* 16 &* (slot % 2 == 0 ? 1 : 65536)
      if numbers[slot] == 0 {
        expect(table.take(block) == nil, "a block has a number that it was not given")
        guard let number = table.insert(block) else { return expect(false, "no number") }
        expect(number <= UInt(slots) && owners[Int(number)] == 0, "a number is given twice")
        owners[Int(number)] = 1
        numbers[slot] = number + 1
        live += 1
        peak = max(peak, live)
        expect(number < peak, "a number is larger than it must be")
      } else {
        guard let number = table.take(block) else { return expect(false, "a number is lost") }
        expectEqual(number, numbers[slot] - 1, "the number")
        table.release(number)
        owners[Int(number)] = 0
        numbers[slot] = 0
        live -= 1
      }
      expectEqual(table.count, live, "the count")
    }
    expect(peak > 5000)
  }

  private static func moves() {
    ProcessFacts.learn()
    var table = BlockNumbers()
    let number = table.insert(0x1000)
    expect(table.take(0x1000) == number)
    // The number is in use while the block is on its way.
    expect(table.insert(0x1000) != number)
    if let number { expect(table.put(number, for: 0x2000)) }
    expect(table.take(0x2000) == number)
    expect(table.take(0x2000) == nil)
  }

  private static func threads() {
    ProcessFacts.learn()
    var table = ThreadNumbers()
    expect(table.number(of: 0x100) == 0)
    expect(table.number(of: 0x200) == 1)
    expect(table.number(of: 0x300) == 2)
    expect(table.number(of: 0x100) == 0)
    expect(table.release(0x200) == 1)
    expect(table.release(0x200) == nil)
    expect(table.number(of: 0x400) == 1)
    expect(table.number(of: 0x200) == 3)
    expectEqual(table.end, 4, "the numbers in use")
  }

  private static func manyThreads() {
    ProcessFacts.learn()
    var table = ThreadNumbers()
    for thread: UInt in 0..<5000 {
      expect(table.number(of: (thread + 1) * 8) == min(thread, 4095))
    }
    expect(table.release(5000 * 8) == nil, "a shared number has no end")
    expect(table.release(9 * 8) == 8)
    expect(table.number(of: 77) == 8)
    expectEqual(table.end, 4096, "the numbers in use")
  }
}
