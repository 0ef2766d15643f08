import CHakmem
import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemThreadCache

/// A view of another process's heap: this library's state is replaced by a copy of that process's,
/// and what it points to, the metadata, comes to lie at the same addresses. So the code that
/// describes a heap is the code that made it, and knows its layout.
enum View {
  typealias Read =
    @convention(c) (UInt, UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> Bool

  static func take(
    loadAddress: UInt, _ read: Read, _ argument: UnsafeMutableRawPointer?
  ) -> Int32 {
    var servesAllocations = false
    if taken.pointee == 0 { ThreadCache.forEach { _ in servesAllocations = true } }
    guard !servesAllocations else { return Int32(HAKMEM_EBUSY) }
    let difference = loadAddress &- hakmem_load_address()
    let state = UInt(bitPattern: hakmem_viewed_storage())
    let stateBytes = UInt(hakmem_viewed_bytes)
    guard let copy = SystemCalls.map(byteCount: stateBytes, protection: .readWrite) else {
      return Int32(HAKMEM_ENOMEM)
    }
    defer { SystemCalls.unmap(copy, stateBytes) }
    var classMap = hakmem_class_map(entries: nil, last: 0)
    let classMapBytes = MemoryLayout<hakmem_class_map>.size
    guard read(hakmem_class_map_words() &+ difference, &classMap, classMapBytes, argument),
      read(
        state &+ difference, UnsafeMutableRawPointer(bitPattern: copy), Int(stateBytes), argument)
    else { return Int32(HAKMEM_EFAULT) }
    giveUpOwn()
    Memory.copy(from: copy, to: state, stateBytes)
    hakmem_set_class_map(UInt(bitPattern: classMap.entries), classMap.last)
    LockRank.forEach { Lock($0).reset() }
    guard copyPublishedPage(read, argument) else { return Int32(HAKMEM_EFAULT) }
    guard Process.isReady else { return Int32(HAKMEM_EAGAIN) }
    return copyMetadata(read, argument)
  }

  /// What the library mapped for itself as it was loaded, or for the view before.
  private static func giveUpOwn() {
    if viewed.pointee != 0 {
      SystemCalls.unmap(viewed.pointee, viewedBytes.pointee)
      viewed.pointee = 0
    } else if taken.pointee == 0, Process.isReady {
      MetadataRegion.abandon()
      SystemCalls.unmap(ClassMap.extent.lowerBound, UInt(bitPattern: ClassMap.extent.count))
    }
    taken.pointee = 1
  }

  /// A process that publishes its page has its events there.
  private static func copyPublishedPage(
    _ read: Read, _ argument: UnsafeMutableRawPointer?
  ) -> Bool {
    guard MonitorStorage.isPublished else { return true }
    let page = MonitorStorage.page
    MonitorStorage.publish(0)
    return read(
      page, UnsafeMutableRawPointer(bitPattern: MonitorStorage.ownPage),
      Int(MonitorStorage.pageBytes), argument)
  }

  private static func copyMetadata(_ read: Read, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    let used = MetadataRegion.extentBytes
    // What was allocated since reads as zeroes.
    let slack: UInt = 64 << 20
    switch SystemCalls.mapNew(
      at: MetadataRegion.base, byteCount: used &+ slack, protection: .readWrite)
    {
    case .mapped: break
    case .occupied: return Int32(HAKMEM_EEXIST)
    case .refused: return Int32(HAKMEM_ENOMEM)
    }
    viewed.pointee = MetadataRegion.base
    viewedBytes.pointee = used &+ slack
    let isRead =
      copy(MetadataRegion.base, used, read, argument) || copyPieces(used, read, argument)
    return isRead ? 0 : Int32(HAKMEM_EFAULT)
  }

  /// Something of the process's own may lie among its metadata that cannot be read; its last piece
  /// is metadata.
  private static func copyPieces(
    _ used: UInt, _ read: Read, _ argument: UnsafeMutableRawPointer?
  ) -> Bool {
    let piece: UInt = 1 << 16
    var isRead = false
    for offset in stride(from: 0, to: used, by: Int(piece)) {
      isRead = copy(MetadataRegion.base &+ offset, min(piece, used &- offset), read, argument)
    }
    return isRead
  }

  private static func copy(
    _ start: UInt, _ byteCount: UInt, _ read: Read, _ argument: UnsafeMutableRawPointer?
  ) -> Bool {
    read(start, UnsafeMutableRawPointer(bitPattern: start), Int(byteCount), argument)
  }

  // MARK: What outlives the replacement of the state

  private static var own: UInt { UInt(bitPattern: hakmem_view_storage()) }
  private static var taken: UnsafeMutablePointer<UInt> { Memory.pointer(at: own) }
  private static var viewed: UnsafeMutablePointer<UInt> { Memory.pointer(at: own &+ 8) }
  private static var viewedBytes: UnsafeMutablePointer<UInt> { Memory.pointer(at: own &+ 16) }
}

@c @implementation
public func hakmem_view(
  _ loadAddress: UInt,
  _ read: (@convention(c) (UInt, UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> Bool)?,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let read else { return Int32(HAKMEM_EINVAL) }
  return View.take(loadAddress: loadAddress, read, argument)
}
