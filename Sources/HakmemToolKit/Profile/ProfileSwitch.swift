import CHakmemToolSystem
import Foundation

/// Switches the library's profiling on and off in a running process, by writing into the record that
/// the library exports for it: the process neither stops nor gets a signal. The kernel asks for the
/// same permission as for a debugger: the same user, or root.
struct ProfileSwitch {
  private let process: Int32
  private let address: UInt64

  /// hakmem_profile_control: four numbers of 32 bits, one of 64, the folder.
  private static let symbol = "hakmem_profile_control"
  private static let folderCapacity = 232

  /// - Throws: `ProfileRun.Failure` when the process is not there, or not served by a HAKMEM that
  ///   can be switched.
  init(process: Int32) throws {
    self.process = process
    guard access("/proc/\(process)", F_OK) == 0 else {
      throw ProfileRun.Failure(description: "There is no process \(process).")
    }
    guard let maps = TextFile.read("/proc/\(process)/maps"), !maps.isEmpty else {
      throw ProfileRun.Failure(
        description: "process \(process) cannot be looked into: it has ended, or is not yours")
    }
    let records = ProcessMaps.records(maps, process: process)
    guard
      let library = records.first(where: {
        $0.fileOffset == 0 && ($0.name.split(separator: "/").last ?? "").hasPrefix("libhakmem")
      })
    else {
      throw ProfileRun.Failure(
        description: "process \(process) does not run on HAKMEM: start it by \"hakmem run\"")
    }
    let file = "/proc/\(process)/root\(library.name)"
    guard let value = (try? ELFFile(path: file))?.dynamicAddress(of: ProfileSwitch.symbol) else {
      throw ProfileRun.Failure(
        description: "\(library.name), on which process \(process) runs, cannot be switched to "
          + "profiling: it is another version, or was replaced since")
    }
    address = library.start + value
  }

  /// Asks for profiling in `folder`.
  ///
  /// - Throws: `ProfileRun.Failure` when the kernel refuses the writing.
  func turnOn(folder: String, heapDistance: Int) throws {
    var path = Array(folder.utf8)
    guard path.count < ProfileSwitch.folderCapacity - 16 else {
      throw ProfileRun.Failure(description: "the folder's path is too long: \(folder)")
    }
    path.append(0)
    try write(24, path)
    try write(16, bytes(UInt64(heapDistance)))
    try write(12, bytes(UInt32(1)))
    try request()
  }

  func turnOff() throws {
    try write(12, bytes(UInt32(0)))
    try request()
  }

  /// What became of the last request: nil while nobody has looked.
  var answer: Bool? {
    guard number(0) == number(4), let result = number(8), result != 0 else { return nil }
    return result == 1
  }

  private func request() throws {
    try write(8, bytes(UInt32(0)))
    try write(0, bytes((number(0) ?? 0) &+ 1))
  }

  private func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  private func number(_ offset: UInt64) -> UInt32? {
    var value: UInt32 = 0
    return hakmem_tool_read_memory(process, address + offset, &value, 4) ? value : nil
  }

  private func write(_ offset: UInt64, _ bytes: [UInt8]) throws {
    guard hakmem_tool_write_memory(process, address + offset, bytes, bytes.count) else {
      let code = errno
      throw ProfileRun.Failure(
        description: code == ESRCH
          ? "process \(process) ended"
          : "the kernel lets this user not write to process \(process) "
            + "(\(String(cString: strerror(code)))): run it as root, or set "
            + "kernel.yama.ptrace_scope to 0")
    }
  }
}

extension ELFFile {
  /// The address of a symbol that the loader sees, relative to where the object is loaded.
  func dynamicAddress(of name: String) -> UInt64? {
    for table in symbolTables() where !table.isFull {
      var offset = UInt64(table.offset)
      let end = offset + UInt64(table.byteCount)
      while offset + 24 <= end {
        if let index = reader.number(at: offset, width: 4),
          reader.string(at: UInt64(table.strings) + index) == name
        {
          return reader.number(at: offset + 8, width: 8)
        }
        offset += 24
      }
    }
    return nil
  }
}
