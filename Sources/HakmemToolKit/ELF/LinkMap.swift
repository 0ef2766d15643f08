import Foundation

/// What the loader of a running process loaded, in its order: the list that it keeps for debuggers
/// (`link.h`: `r_debug`, `link_map`).
///
/// Unlike the process's environment, which a program that changes its title overwrites, it tells
/// what was preloaded. Of processes of 64 bits that may be looked at.
package struct LinkMap {
  private static let programHeaders: UInt64 = 3  // AT_PHDR
  private static let programHeaderCount: UInt64 = 5  // AT_PHNUM
  private static let headerBytes: UInt64 = 56  // Elf64_Phdr
  private static let ownSegment: UInt64 = 6  // PT_PHDR
  private static let debugEntry: UInt64 = 21  // DT_DEBUG
  private static let mostEntries = 4096

  /// Paths as the loader knows them; the program has none.
  package private(set) var paths: [String] = []
  private let memory: RemoteMemory

  package init?(pid: Int32) {
    memory = RemoteMemory(pid: pid)
    guard (try? ELFFile(path: "/proc/\(pid)/exe"))?.architecture.is64Bit == true,
      let debug = debugAddress(pid), var entry = word(debug + 8)
    else { return nil }
    while entry != 0, paths.count < Self.mostEntries {
      guard let name = word(entry + 8).flatMap(text), let next = word(entry + 24)
      else { return nil }
      paths.append(name)
      entry = next
    }
  }

  /// What stands between the program and the first object that it needs.
  func preloaded(program: LoadedObject) -> [String] {
    let others = paths.dropFirst().filter { $0.hasPrefix("/") }
    return Array(
      others.prefix { path in
        let name = String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...])
        return !program.needed.contains { $0 == name || $0 == path }
      })
  }

  private func debugAddress(_ pid: Int32) -> UInt64? {
    guard let vector = TextFile.bytes("/proc/\(pid)/auxv") else { return nil }
    let words = vector.withUnsafeBytes { bytes in
      (0..<bytes.count / 8).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }
    var values: [UInt64: UInt64] = [:]
    for index in stride(from: 0, to: words.count - 1, by: 2) {
      values[words[index]] = words[index + 1]
    }
    guard let headers = values[Self.programHeaders], let count = values[Self.programHeaderCount],
      count <= Self.mostEntries
    else { return nil }
    var bias: UInt64 = 0
    var dynamic: UInt64?
    for index in 0..<count {
      let header = headers + index * Self.headerBytes
      guard let type = word(header).map({ $0 & 0xffff_ffff }), let address = word(header + 16)
      else { return nil }
      if type == Self.ownSegment { bias = headers &- address }
      if type == ELFFile.dynamicSegment { dynamic = address }
    }
    guard let dynamic else { return nil }
    for index in 0..<UInt64(Self.mostEntries) {
      let entry = bias &+ dynamic &+ index * 16
      guard let tag = word(entry), tag != 0 else { return nil }
      if tag == Self.debugEntry { return word(entry + 8).flatMap { $0 == 0 ? nil : $0 } }
    }
    return nil
  }

  private func word(_ address: UInt64) -> UInt64? {
    var value: UInt64 = 0
    return memory.read(UInt(address), into: &value, count: 8) ? value : nil
  }

  /// A C string, read up to the end of a page at a time.
  private func text(_ address: UInt64) -> String? {
    let page: UInt64 = 4096
    var bytes: [UInt8] = []
    var address = address
    while bytes.count < 2 * Int(PATH_MAX) {
      var part = [UInt8](repeating: 0, count: Int(page - address % page))
      guard memory.read(UInt(address), into: &part, count: part.count) else { return nil }
      if let end = part.firstIndex(of: 0) {
        return String(decoding: bytes + part[..<end], as: UTF8.self)
      }
      bytes += part
      address += UInt64(part.count)
    }
    return nil
  }
}
