import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs

extension ThreadCache {
  /// What contradicts the bins' order; nil when nothing does. For the owner, between calls:
  ///     first slot ≤ top ≤ limit ≤ first slot + capacity, a zero word below
  ///     every entry lies in a slab of the class
  package var fault: StaticString? {
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      let first = firstSlot(sizeClass)
      let bin = bin(sizeClass)
      if isUnused(sizeClass), bin.limit == bin.top { continue }
      if bin.top < first || bin.top > bin.limit { return "a bin's top is out of its bounds" }
      if bin.limit > first &+ UInt(sizeClass.cacheCapacity) &* 8 {
        return "a bin's limit reaches into the next bin"
      }
      if Memory.loadWord(at: first &- 8) != 0 { return "the word below a bin is not zero" }
      var slot = first
      while slot < bin.top {
        let block = Memory.loadWord(at: slot)
        let isTaken = block == 0 && record.pointee.hasGaps
        if !isTaken, ClassMap.doubledClass(of: block) != sizeClass.doubled {
          return "a bin holds a block of another class"
        }
        slot &+= 8
      }
    }
    let nothing = bin(.none)
    if nothing.top != nothing.limit { return "bin 0 has room" }
    return sampledCache?.fault ?? runsFault
  }

  private var runsFault: StaticString? {
    var bytes: UInt = 0
    for index in 0..<Int(record.pointee.runCount) {
      let entry = record.pointee.runs[index]
      let runBytes = Self.runBytes(entry)
      if PageRuns.cachedByteCount(at: Self.runStart(entry)) != runBytes {
        return "a cache keeps a run that is not marked so"
      }
      bytes &+= runBytes
    }
    if bytes != record.pointee.runBytes { return "the bytes of kept runs are wrong" }
    var room: UInt = 0
    for number in SizeClass.firstMedium..<SizeClass.count where !isUnused(SizeClass(number)) {
      room &+= UInt(capacity(SizeClass(number))) &* SizeClass(number).blockBytes
    }
    if room != record.pointee.mediumBytes { return "the room for medium blocks is wrong" }
    return room &+ bytes <= maximumMediumBytes ? nil : "a cache keeps too many medium blocks"
  }
}
