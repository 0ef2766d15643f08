import CHakmemWhiteBox
import HakmemPages
import HakmemPlatform

enum PurgeListTests {
  static let all = [
    WhiteBoxTest("PurgeList.dropsThePagesOfManySlabs", many),
    WhiteBoxTest("PurgeList.saysWhatTheKernelRefused", refused),
  ]

  private static let page = 4096
  private static let slabBytes: UInt = 64 * 4096

  private static func slab(_ number: Int, at start: UInt) -> UInt {
    start &+ UInt(number) &* slabBytes
  }

  /// Slabs whose pages are all present.
  private static func slabs(_ count: Int) -> UInt {
    Fixture.setUp()
    let start = Fixture.memory((count + 1) * Int(slabBytes)).roundedUp(to: slabBytes)
    for index in 0..<(64 * count) { Memory.storeWord(7, at: start &+ UInt(index * page)) }
    return start
  }

  /// Expects that those pages of a slab, a bit each, are gone and the others are there.
  private static func expectGone(_ pages: UInt64, of start: UInt) {
    for index in 0..<64 {
      let isGone = pages >> UInt64(index) & 1 != 0
      let word = Memory.loadWord(at: start &+ UInt(index * page))
      expect(word == (isGone ? 0 : 7), "a page is where it should not be")
    }
  }

  private static func many() {
    let count = 12
    let start = slabs(count)
    var random = Random(3)
    let wanted: UnsafeMutablePointer<UInt64> = Memory.pointer(at: Fixture.memory(count * 8))
    for number in 0..<count {
      wanted[number] = UInt64(random.next() & random.next())
      if number == 3 { wanted[number] = 0 }
      if number == 4 { wanted[number] = .max }
      if number == 5 { wanted[number] = 0x5555_5555_5555_5555 }
    }
    PurgeList.withEmpty { list in
      var first = 0
      for number in 0..<count {
        list.add(wanted[number], of: slab(number, at: start))
        guard list.isFull || number == count - 1 else { continue }
        list.release(lazily: false)
        var last = number
        while last >= first {
          let gone = list.takeLast(of: slab(last, at: start), byteCount: slabBytes)
          expect(gone == wanted[last], "the list says that other pages went")
          last -= 1
        }
        expect(!list.isFull)
        first = number + 1
      }
    }
    for number in 0..<count { expectGone(wanted[number], of: slab(number, at: start)) }
  }

  private static func refused() {
    let start = slabs(2)
    guard whitebox_lock_memory(slab(1, at: start) &+ 8 * 4096, 4 * page) != 0 else {
      return expect(false, "memory cannot be locked")
    }
    let wanted: UInt64 = 0xff0f
    PurgeList.withEmpty { list in
      list.add(wanted, of: slab(0, at: start))
      list.add(wanted, of: slab(1, at: start))
      list.release(lazily: false)
      expect(list.takeLast(of: slab(1, at: start), byteCount: slabBytes) == 0x000f)
      expect(list.takeLast(of: slab(0, at: start), byteCount: slabBytes) == wanted)
      expect(list.takeLast(of: slab(0, at: start), byteCount: slabBytes) == 0)
    }
    expectGone(wanted, of: slab(0, at: start))
    for index in 8..<12 {
      expect(Memory.loadWord(at: slab(1, at: start) &+ UInt(index * page)) == 7)
    }
  }
}
