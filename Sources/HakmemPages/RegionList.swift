/// Large regions in the order in which they came, linked through their records. Its owner locks it.
struct RegionList {
  private(set) var newest: UInt
  private(set) var oldest: UInt

  var oldestRegion: LargeRegion? { oldest == 0 ? nil : LargeRegion(unsafeRecord: oldest) }

  mutating func insert(_ region: LargeRegion) {
    region.record.pointee.next = newest
    region.record.pointee.previous = 0
    if newest != 0 {
      LargeRegion(unsafeRecord: newest).record.pointee.previous = region.address
    } else {
      oldest = region.address
    }
    newest = region.address
  }

  mutating func remove(_ region: LargeRegion) {
    let next = region.record.pointee.next
    let previous = region.record.pointee.previous
    if previous != 0 {
      LargeRegion(unsafeRecord: previous).record.pointee.next = next
    } else {
      newest = next
    }
    if next != 0 {
      LargeRegion(unsafeRecord: next).record.pointee.previous = previous
    } else {
      oldest = previous
    }
  }

  /// Newest first.
  func forEach(_ body: (LargeRegion) -> Void) {
    var address = newest
    while address != 0 {
      let region = LargeRegion(unsafeRecord: address)
      address = region.record.pointee.next
      body(region)
    }
  }

  /// Whether the links agree with one another.
  var isWhole: Bool {
    var previous: UInt = 0
    var address = newest
    while address != 0 {
      let record = LargeRegion(unsafeRecord: address).record
      if record.pointee.previous != previous { return false }
      previous = address
      address = record.pointee.next
    }
    return oldest == previous
  }
}
