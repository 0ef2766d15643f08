/// Where the library's memory lies: in places of its own, at random in each process, where programs map
/// nothing and the kernel, which begins at the other end, not of itself. So nothing is reserved: each
/// part is mapped as it grows, next to what it has.
///
/// Something may lie in the way all the same. Every part is mapped only where nothing is.
///
///     start         class map         16 GiB
///     +16 GiB       slab map          48 GiB
///     +64 GiB       metadata          64 GiB
///     +128 GiB      SuperSlabs        as far as they go
///     from 16 TiB   large regions     1 TiB
///     or +192 GiB   large regions     64 GiB, where addresses have less than 46 bits
package enum OwnAddresses {
  struct State {
    var start: UInt
    var coveredFirst: UInt
    var largeStart: UInt
    var largeBytes: UInt
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.ownAddresses)
  }

  private static let metadataOffset: UInt = 64 << 30
  private static let superSlabsOffset: UInt = 128 << 30
  private static let largeOffset: UInt = 192 << 30
  /// Attempts at places from 128 to 640 GiB; further ones, and a process whose RLIMIT_AS is tight or
  /// whose addresses end before 2 TiB, take one from 32 to 96 GiB.
  private static let wideAttempts: UInt = 32
  package static let mostAttempts: UInt = 64
  /// Below this RLIMIT_AS the larger class map, of 32 MiB, takes too much of it.
  private static let tightLimit: UInt = 4 << 30

  /// Chooses the places; anew with each attempt, as long as nothing is mapped there.
  package static func choose(attempt: UInt) {
    let end = ProcessFacts.addressesEnd
    let isWide =
      attempt < wideAttempts && ProcessFacts.addressSpaceLimit >= tightLimit && end > 1 << 41
    let first: UInt = isWide ? 128 << 30 : 32 << 30
    let span: UInt = isWide ? 512 << 30 : 64 << 30
    state.pointee.start = first &+ randomUnits(in: span)
    state.pointee.coveredFirst = isWide ? 1 << 40 : 1 << 38
    let isFar = end > 1 << 45
    state.pointee.largeStart =
      isFar ? 1 << 44 &+ randomUnits(in: 1 << 41) : state.pointee.start &+ largeOffset
    state.pointee.largeBytes = isFar ? 1 << 40 : 1 << 36
  }

  private static func randomUnits(in span: UInt) -> UInt {
    (Secret.nextWord() % span).roundedDown(to: Constants.superSlabBytes)
  }

  package static var classMap: UInt { state.pointee.start }
  package static var slabMap: UInt { state.pointee.start &+ 16 << 30 }
  /// 2³⁰ lines of 64 bytes: what a tagged head can name.
  package static var metadata: Range<UInt> {
    let start = state.pointee.start &+ metadataOffset
    return start..<(start &+ 1 << 36)
  }
  package static var superSlabs: UInt { state.pointee.start &+ superSlabsOffset }
  /// Where the addresses end that the class map covers at first: behind the SuperSlabs' first ones.
  package static var coveredFirst: UInt { state.pointee.coveredFirst }

  /// It is used from end to end before an address comes again, and each gigabyte costs a page of the
  /// registry: so it is no longer than it must be.
  package static var large: Range<UInt> {
    let start = state.pointee.largeStart
    return start..<(start &+ state.pointee.largeBytes)
  }
}
