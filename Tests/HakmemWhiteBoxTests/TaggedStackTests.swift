import HakmemPlatform
import Synchronization

enum TaggedStackTests {
  static let all = [
    WhiteBoxTest("TaggedStack.popsTheNewestFirst", order),
    WhiteBoxTest("TaggedStack.popAllTakesTheChain", popAll),
    WhiteBoxTest("TaggedStack.pushChainKeepsItsOrder", pushChain),
    WhiteBoxTest("TaggedStack.popsChangeTheTag", tags),
    WhiteBoxTest("TaggedStack.noRecordIsPoppedTwiceByManyThreads", stress),
    WhiteBoxTest("TaggedStack.recordsMayMoveBetweenStacks", moves),
  ]

  private static func stack() -> TaggedStack { TaggedStack(unsafeAt: Fixture.memory(64)) }
  private static func record() -> UInt { MetadataRegion.allocate(64) }

  private static func order() {
    Fixture.setUp()
    let stack = stack()
    let first = record()
    let second = record()
    expect(stack.isEmpty && stack.pop() == 0 && stack.first() == 0)
    stack.push(first)
    stack.push(second)
    expect(!stack.isEmpty && stack.first() == second)
    expect(stack.pop() == second && stack.pop() == first && stack.pop() == 0)
    expect(stack.isEmpty)
  }

  private static func popAll() {
    Fixture.setUp()
    let stack = stack()
    expect(stack.popAll() == 0)
    let records = [record(), record(), record()]
    for record in records { stack.push(record) }
    var address = stack.popAll()
    expect(stack.isEmpty)
    for record in [records[2], records[1], records[0]] {
      expect(address == record)
      address = TaggedStack.next(after: address)
    }
    expect(address == 0)
  }

  private static func pushChain() {
    Fixture.setUp()
    let stack = stack()
    let bottom = record()
    stack.push(bottom)
    let first = record()
    let last = record()
    TaggedStack.setNext(last, after: first)
    TaggedStack.setNext(0, after: last)
    expect(TaggedStack.next(after: first) == last && TaggedStack.next(after: last) == 0)
    stack.pushChain(first: first, last: last)
    expect(stack.pop() == first && stack.pop() == last && stack.pop() == bottom)
  }

  private static func tags() {
    Fixture.setUp()
    let stack = stack()
    let record = record()
    stack.push(record)
    let before = stack.head.pointee.load(ordering: .relaxed)
    _ = stack.pop()
    stack.push(record)
    let after = stack.head.pointee.load(ordering: .relaxed)
    expect(before != after, "a head that was popped and pushed again looks unchanged")
    _ = stack.popAll()
    stack.push(record)
    expect(stack.head.pointee.load(ordering: .relaxed) != after)
  }

  /// Each record's second word says whether somebody holds it.
  private static func stress() {
    Fixture.setUp()
    let stack = stack()
    let count = 16
    for _ in 0..<count { stack.push(record()) }
    Fixture.onThreads(4) { thread in
      var random = Random(thread)
      for _ in 0..<60_000 {
        if random.below(50) == 0 {
          var address = stack.popAll()
          while address != 0 {
            let next = TaggedStack.next(after: address)
            claim(address)
            yieldSometimes(&random)
            release(address)
            stack.push(address)
            address = next
          }
          continue
        }
        let record = stack.pop()
        guard record != 0 else { continue }
        claim(record)
        yieldSometimes(&random)
        release(record)
        stack.push(record)
      }
    }
    expectEqual(length(of: stack), count, "records in the stack")
  }

  private static func moves() {
    Fixture.setUp()
    let left = stack()
    let right = stack()
    let count = 8
    for _ in 0..<count { left.push(record()) }
    Fixture.onThreads(4) { thread in
      var random = Random(thread + 100)
      for _ in 0..<60_000 {
        let (from, to) = random.bool() ? (left, right) : (right, left)
        let record = from.pop()
        guard record != 0 else { continue }
        claim(record)
        yieldSometimes(&random)
        release(record)
        to.push(record)
      }
    }
    expectEqual(length(of: left) + length(of: right), count, "records in both stacks")
  }

  private static func held(_ record: UInt) -> UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: record &+ 8)
  }
  private static func claim(_ record: UInt) {
    expect(held(record).pointee.exchange(1, ordering: .relaxed) == 0, "popped twice")
  }
  private static func release(_ record: UInt) {
    expect(held(record).pointee.exchange(0, ordering: .relaxed) == 1)
  }
  private static func yieldSometimes(_ random: inout Random) {
    if random.below(200) == 0 { SystemCalls.yieldProcessor() }
  }
  private static func length(of stack: TaggedStack) -> Int {
    var count = 0
    while stack.pop() != 0 { count += 1 }
    return count
  }
}
