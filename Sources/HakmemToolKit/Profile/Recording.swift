import CHakmemToolSystem
import Foundation

/// What one profiled run left behind, before anything is attributed.
struct Recording {
  struct Fault {
    var time: UInt64
    var process: Int32
    var thread: Int32
    var instruction: UInt64
    var address: UInt64
    var stackPointer: UInt64
    var isHuge: Bool
    var frames: [UInt64]
  }
  struct Tick {
    var time: UInt64
    var process: Int32
    var thread: Int32
    var kernelFrames: [UInt64]
    var frames: [UInt64]
  }
  enum Event {
    case mapping(PerfRecord.Mapping)
    case fork(process: Int32, parent: Int32)
    case exec(process: Int32, name: String)
    case exit(process: Int32)
  }

  var faults: [Fault] = []
  var ticks: [Tick] = []
  var events: [(time: UInt64, event: Event)] = []

  /// Huge pages that were seen, by process and 2 MiB.
  private var seenBlocks: [UInt64: Bool] = [:]
  private var pagemaps: [Int32: Int32] = [:]
  private var checkedFaults = 0

  mutating func add(_ record: PerfRecord) {
    switch record {
    case .sample(let sample) where sample.address == 0 && !isFault(sample):
      ticks.append(
        Tick(
          time: sample.time, process: sample.process, thread: sample.thread,
          kernelFrames: sample.kernelFrames, frames: sample.userFrames))
    case .sample(let sample):
      faults.append(
        Fault(
          time: sample.time, process: sample.process, thread: sample.thread,
          instruction: sample.instruction, address: sample.address,
          stackPointer: sample.stackPointer, isHuge: false, frames: sample.userFrames))
    case .mapping(let mapping): events.append((mapping.time, .mapping(mapping)))
    case .fork(let time, let process, let parent, _):
      if process != parent { events.append((time, .fork(process: process, parent: parent))) }
    case .exec(let time, let process, let name):
      events.append((time, .exec(process: process, name: name)))
    case .exit(let time, let process, let thread):
      if process == thread { events.append((time, .exit(process: process))) }
    case .lost: break
    }
  }

  /// Clock samples have no data address.
  private func isFault(_ sample: PerfRecord.Sample) -> Bool { sample.address != 0 }

  /// Asks the kernel about the 2 MiB around the faults that came in since the last time.
  mutating func lookForHugePages() {
    defer { checkedFaults = faults.count }
    for index in checkedFaults..<faults.count {
      let fault = faults[index]
      let block = fault.address >> 21
      let key = block << 22 ^ UInt64(UInt32(bitPattern: fault.process))
      if let known = seenBlocks[key] {
        faults[index].isHuge = known
        continue
      }
      let pagemap = descriptor(of: fault.process)
      let isHuge = pagemap >= 0 && hakmem_tool_is_huge(pagemap, fault.address) == 1
      seenBlocks[key] = isHuge
      faults[index].isHuge = isHuge
    }
  }

  private mutating func descriptor(of process: Int32) -> Int32 {
    if let known = pagemaps[process] { return known }
    let opened = open("/proc/\(process)/pagemap", O_RDONLY | O_CLOEXEC)
    pagemaps[process] = opened
    return opened
  }

  mutating func close() {
    for (_, descriptor) in pagemaps where descriptor >= 0 { Glibc.close(descriptor) }
    pagemaps = [:]
  }
}
