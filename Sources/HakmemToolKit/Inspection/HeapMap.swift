import CHakmem

/// The picture of a heap: its SuperSlabs in the order of addresses, and its large blocks.
package struct HeapMap: Codable, Equatable, Sendable {
  /// A block above 1 MiB.
  package struct Large: Codable, Equatable, Sendable {
    package var start: UInt
    package var bytes: Int
    package var resident: Int
    package var huge: Int
    package var isLive: Bool
  }

  package var superSlabs: [SuperSlabPicture]
  package var large: [Large]
}

/// 2 MiB of the heap in 32 granules of 64 KiB.
package struct SuperSlabPicture: Codable, Equatable, Sendable {
  /// A granule.
  package struct Cell: Codable, Equatable, Sendable {
    /// Bytes of live blocks, of free blocks at hand (thread caches, depot), and of free memory that
    /// was used.
    package var live = 0
    package var atHand = 0
    package var free = 0
    /// Block size of the slab there; 0: none.
    package var blockSize = 0
    package var isRun = false
  }

  package static let granules = 32
  static let granuleBytes = 64 << 10

  package let start: UInt
  package private(set) var cells = [Cell](repeating: Cell(), count: granules)
  package private(set) var resident = 0
  package private(set) var huge = 0
  package private(set) var live = 0
  /// Live blocks by size.
  private var liveBlocks: [Int: Int] = [:]
  private var liveBytes: [Int: Int] = [:]

  init(start: UInt) { self.start = start }

  mutating func add(
    _ addresses: Range<UInt>, _ state: hakmem_state_t, blocks: Int, blockSize: Int, resident: Int,
    huge: Int
  ) {
    self.resident += resident
    self.huge += huge
    if state == HAKMEM_LIVE {
      live += addresses.count
      liveBlocks[blockSize, default: 0] += blocks
      liveBytes[blockSize, default: 0] += addresses.count
    }
    var offset = Int(addresses.lowerBound - start)
    let end = min(Int(addresses.upperBound - start), Self.granules * Self.granuleBytes)
    while offset < end {
      let index = offset / Self.granuleBytes
      let next = min((index + 1) * Self.granuleBytes, end)
      cells[index].add(next - offset, state, blockSize: blockSize)
      offset = next
    }
  }

  /// Who holds live blocks, most bytes first.
  package var holders: [Ledger.Holder] {
    liveBytes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
      Ledger.Holder(blockSize: $0.key, blocks: liveBlocks[$0.key] ?? 0, bytes: $0.value)
    }
  }
}

extension SuperSlabPicture.Cell {
  fileprivate mutating func add(_ bytes: Int, _ state: hakmem_state_t, blockSize: Int) {
    if blockSize > 0 { self.blockSize = blockSize }
    switch state {
    case HAKMEM_LIVE: live += bytes
    case HAKMEM_CACHED, HAKMEM_IN_DEPOT: atHand += bytes
    case HAKMEM_IN_SLAB, HAKMEM_FREE_USED: free += bytes
    default: break
    }
    if blockSize == 0, state == HAKMEM_LIVE || state == HAKMEM_CACHED { isRun = true }
  }
}
