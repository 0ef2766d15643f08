import HakmemPlatform
import HakmemSlabs

/// A cached block of a larger class in place of memory that was never used: a program whose buffers
/// have many sizes, one after the other, touches the pages of few classes so.
///
/// A program that keeps many blocks of such sizes is better off with memory for each class: of two
/// that take each other's blocks each makes a slow call for every one. So few are taken at a time.
extension ThreadCache {
  /// Smaller blocks share pages that are touched anyway; medium ones come and go one by one.
  package static func mayTakeLarger(than sizeClass: SizeClass) -> Bool {
    sizeClass.blockBytes >= 1024 && !sizeClass.isMedium
  }

  /// `takeLarger` as a slow call of its own.
  package func allocateLarger(than sizeClass: SizeClass) -> UInt {
    enterSlow(sizeClass)
    defer { leaveSlow() }
    return takeLarger(than: sizeClass)
  }

  /// A block of a class that is nearly twice as large at most; 0 when there is none, or when enough
  /// were taken since the coarse clock's last tick (1 to 10 ms). Every size that the smaller class
  /// serves fills more than half of it, so that `realloc` leaves it where it is.
  func takeLarger(than sizeClass: SizeClass) -> UInt {
    let mostInTick: UInt32 = 64
    let now = Clock.milliseconds()
    if now != record.pointee.largerTakenAt {
      record.pointee.largerTakenAt = now
      record.pointee.largerTaken = 0
    }
    guard record.pointee.largerTaken < mostInTick else { return 0 }
    let most = SizeClass(sizeClass.number - 1).blockBytes &* 2 &+ 1
    var number = sizeClass.number + 1
    while number < SizeClass.count, SizeClass(number).blockBytes <= most {
      let block = bin(SizeClass(number)).pop()
      if block != 0 {
        record.pointee.largerTaken &+= 1
        return block
      }
      number += 1
    }
    return 0
  }
}
