import CHakmemClasses
import Foundation

/// Who allocated the blocks that keep sparse SuperSlabs, by the heap profile that a process writes
/// while it runs.
struct PinningStacks {
  private let file: HeapFile
  private let analysis: ProfileAnalysis
  private static let superSlabBytes: UInt64 = 2 << 20
  private static let mostStacks = 3

  /// - Returns: nil when the process writes no heap profile, or it may not be read.
  init?(pid: Int32) {
    guard let maps = TextFile.read("/proc/\(pid)/maps"),
      let path = ProcessMaps.files(maps).last(where: PinningStacks.isHeapProfile),
      let file = HeapFile(path: "/proc/\(pid)/root\(path)")
    else { return nil }
    self.file = file
    analysis = ProfileAnalysis(profileFolder: (path as NSString).deletingLastPathComponent)
    analysis.begin(file.process, maps: maps)
    analysis.run(Recording(), logs: [])
  }

  private static func isHeapProfile(_ path: String) -> Bool {
    (path as NSString).lastPathComponent.hasPrefix("heap.")
  }

  /// The same pins, their holders with call stacks.
  func naming(_ pins: [Ledger.Pin]) -> [Ledger.Pin] {
    pins.map { pin in
      var pin = pin
      let start = UInt64(pin.start)
      let inside = file.liveBlocks.filter {
        $0.address >= start && $0.address < start + PinningStacks.superSlabBytes
      }
      for index in pin.holders.indices {
        let size = pin.holders[index].blockSize
        let own = inside.filter { size == 0 || PinningStacks.blockSize(of: $0) == size }
        let isElsewhere = own.isEmpty && size > 0
        let blocks =
          isElsewhere ? file.liveBlocks.filter { PinningStacks.blockSize(of: $0) == size } : own
        let stacks = stacks(of: blocks, isOfAnySuperSlab: isElsewhere)
        if !stacks.isEmpty { pin.holders[index].stacks = stacks }
      }
      return pin
    }
  }

  /// Of the size class that serves the block's size; 0 for those beyond the classes.
  private static func blockSize(of block: HeapFile.LiveBlock) -> Int {
    let sizes = (1..<UInt32(hakmem_class_numbers)).lazy.map { Int(hakmem_class_block_bytes($0)) }
    return sizes.first { $0 >= block.byteCount } ?? 0
  }

  private func stacks(
    of blocks: [HeapFile.LiveBlock], isOfAnySuperSlab: Bool
  ) -> [Ledger.HoldingStack] {
    var counts: [Int: Int] = [:]
    for block in blocks { counts[block.stack, default: 0] += 1 }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .prefix(PinningStacks.mostStacks).map { stack, count in
        Ledger.HoldingStack(
          functions: analysis.frames(file.stacks[stack].frames, process: file.process)
            .map(\.function), blocks: count, isOfAnySuperSlab: isOfAnySuperSlab)
      }
  }
}

extension Inspection {
  /// Adds to «who pins this» the call stacks of the blocks, where the process writes a heap profile.
  package mutating func namePinningStacks() {
    guard let stacks = PinningStacks(pid: pid) else { return }
    ledger.pins = stacks.naming(ledger.pins)
  }
}
