import CHakmemToolSystem
import Foundation

/// Reads the memory of a process that runs on: process_vm_readv, which stops nothing.
final class RemoteMemory {
  let pid: Int32
  /// The errno value of the last read that failed.
  private(set) var failure: Int32 = 0

  init(pid: Int32) { self.pid = pid }

  /// Reads present pages only, so that nothing is mapped in the process for the reader's sake; the
  /// buffer holds zeroes elsewhere. Small reads go straight through.
  func read(_ address: UInt, into buffer: UnsafeMutableRawPointer, count: Int) -> Bool {
    guard count > 64 << 10 else { return readAll(address, into: buffer, count: count) }
    let areas = [MemoryArea(addresses: address..<(address + UInt(count)))]
    guard let present = try? PresentPages(pid: pid, areas: areas) else {
      return readAll(address, into: buffer, count: count)
    }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    return present.stretches.allSatisfy { stretch in
      let part = stretch.addresses.clamped(to: (address / page * page)..<(address + UInt(count)))
      let start = max(part.lowerBound, address)
      return readAll(
        start, into: buffer + Int(start - address), count: Int(part.upperBound - start))
    }
  }

  private func readAll(_ address: UInt, into buffer: UnsafeMutableRawPointer, count: Int) -> Bool {
    guard hakmem_tool_read_memory(pid, UInt64(address), buffer, count) else {
      failure = errno
      return false
    }
    return true
  }
}

extension MemoryArea {
  /// A range of addresses of which nothing is known but that it is worth a look.
  init(addresses: Range<UInt>) {
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let end = (addresses.upperBound + page - 1) / page * page
    self.addresses = (addresses.lowerBound / page * page)..<end
    permissions = "rw-p"
    name = ""
    fileOffset = 0
    resident = addresses.count
  }
}
