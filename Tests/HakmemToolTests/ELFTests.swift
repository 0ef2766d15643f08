import Foundation
import Testing

@testable import HakmemToolKit

@Suite struct ELFTests {
  private static let libc = ProcessMaps.files(TextFile.read("/proc/self/maps") ?? "").first {
    $0.contains("/libc.so") || $0.contains("/libc-2")
  }

  @Test func theTestProgramIsADynamicProgramThatNeedsLibc() throws {
    let elf = try ELFFile(path: "/proc/self/exe")
    #expect(elf.interpreter?.hasPrefix("/lib") == true)
    #expect(elf.dynamic?.needed.contains { $0.hasPrefix("libc.") } == true)
  }

  @Test func libcDefinesMalloc() throws {
    let path = try #require(ELFTests.libc)
    let object = try #require(LoadedObject.read(path))
    #expect(object.soname.hasPrefix("libc."))
    #expect(object.symbols.defined.isSuperset(of: ["malloc", "free", "calloc", "realloc"]))
    #expect(!object.symbols.defined.contains("_Znwm"))
  }

  @Test func filesThatAreNoELFAreSaidToBe() {
    #expect(throws: ELFFile.Failure.notELF) { try ELFFile(bytes: Array("#!/bin/sh\n".utf8)) }
    #expect(throws: ELFFile.Failure.notELF) { try ELFFile(bytes: []) }
    #expect(throws: ELFFile.Failure.truncated) { try ELFFile(bytes: [0x7f, 0x45, 0x4c, 0x46, 2]) }
    #expect(throws: ELFFile.Failure.unreadable) { try ELFFile(path: "/nonexistent") }
  }

  /// Cut anywhere and with bytes changed anywhere, a file must not end the reader.
  @Test func damagedFilesDoNoHarm() throws {
    let path = try #require(Built.harmlessLibrary)
    let bytes = try #require(TextFile.bytes(path))
    var random = RandomSource(seed: 11)
    let names: Set = ["malloc", "sin"]
    for round in 0..<120 {
      var damaged = bytes
      if round % 2 == 0 {
        damaged = Array(bytes.prefix(random.index(below: round % 4 == 0 ? 4096 : bytes.count)))
      }
      for _ in 0..<(round % 5) where damaged.count > 64 {
        // The headers and tables at the front decide what is read.
        let place = 4 + random.index(below: min(damaged.count - 4, 2048))
        damaged[place] = UInt8(truncatingIfNeeded: random.next())
      }
      guard let elf = try? ELFFile(bytes: damaged) else { continue }
      _ = elf.interpreter
      _ = elf.dynamicSymbols(among: names)
      _ = elf.staticSymbols(among: names)
    }
  }

  @Test func hostileOffsetsDoNotOverflow() throws {
    // 64-bit little-endian header whose tables lie at the end of the address space.
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + Array(repeating: 0, count: 57)
    bytes[16] = 3
    for index in 32..<48 { bytes[index] = 0xff }
    for index in 52..<64 { bytes[index] = 0xff }
    #expect(throws: ELFFile.Failure.truncated) { try ELFFile(bytes: bytes) }
    bytes[56] = 0
    bytes[57] = 0
    let elf = try ELFFile(bytes: bytes)
    #expect(elf.staticSymbols(among: ["malloc"]) == ELFFile.Symbols())
    #expect(elf.dynamic == nil)
  }

  @Test func hiddenDebugInformationChangesNamesAlone() {
    let bytes = Array("x.debug_info\0.debug\0.text\0.debug_line".utf8)
    let hidden = String(decoding: DebugInformation.hidden(bytes), as: UTF8.self)
    #expect(hidden == "x.xebug_info\0.debug\0.text\0.xebug_line")
  }

  @Test func mapsGiveEachFileOnce() {
    let maps = """
      55d0-55d1 r--p 00000000 08:01 12   /usr/bin/with space
      55d1-55d2 r-xp 00001000 08:01 12   /usr/bin/with space
      7f00-7f01 rw-p 00000000 00:00 0
      7f01-7f02 r--p 00000000 08:01 13   /usr/lib/libc.so.6
      7f02-7f03 rw-s 00000000 00:05 14   /dev/zero (deleted)
      7f03-7f04 r--p 00000000 08:01 15   /tmp/old.so (deleted)
      7ffc-7ffd rw-p 00000000 00:00 0    [stack]
      """
    #expect(
      ProcessMaps.files(maps) == ["/usr/bin/with space", "/usr/lib/libc.so.6", "/tmp/old.so"])
  }

  @Test func theScopeIsProgramThenPreloadThenBreadthFirst() {
    func object(
      _ path: String, needs: [String] = [], defines: Set<String> = []
    ) -> LoadedObject {
      LoadedObject(
        path: path, soname: (path as NSString).lastPathComponent, needed: needs,
        symbols: ELFFile.Symbols(defined: defines))
    }
    let scope = SymbolScope(
      loaded: [
        object("/lib/libc.so.6", defines: ["malloc", "free"]),
        object("/lib/libplugin.so", needs: ["libc.so.6"], defines: ["malloc"]),
        object("/lib/libb.so", needs: ["libc.so.6"]),
        object("/lib/liba.so", needs: ["libd.so"]),
        object("/lib/libd.so"),
        object("/opt/libhakmem.so", needs: ["libc.so.6"], defines: ["malloc"]),
        object("/bin/program", needs: ["liba.so", "libb.so", "libc.so.6"]),
      ],
      program: "/bin/program", preload: ["/opt/libhakmem.so"],
      root: ProcessRoot(folder: "/nonexistent"))
    #expect(
      scope.objects.map(\.soname) == [
        "program", "libhakmem.so", "liba.so", "libb.so", "libc.so.6", "libd.so",
      ])
    #expect(scope.opened.map(\.soname) == ["libplugin.so"])
    #expect(scope.preloaded.map(\.soname) == ["libhakmem.so"])
    #expect(scope.server(of: "malloc")?.soname == "libhakmem.so")
    #expect(scope.server(of: "free")?.soname == "libc.so.6")
    #expect(scope.server(of: "calloc") == nil)
  }

  /// Libraries are named by links without a version, and mapped by the file's own name.
  @Test(arguments: ["/usr/lib/libhakmem.so", "/lib/libhakmem.so", "libhakmem.so"])
  func aLibraryIsFoundByTheLinksThatLeadToIt(entry: String) {
    let scratch = Scratch()
    scratch.write("opt/lib/libhakmem.so.0.1.0", "")
    scratch.write("usr/lib/other", "")
    symlink("libhakmem.so.0.1.0", "\(scratch.path)/opt/lib/libhakmem.so.0")
    symlink("./libhakmem.so.0", "\(scratch.path)/opt/lib/libhakmem.so")
    symlink("/opt/lib/libhakmem.so", "\(scratch.path)/usr/lib/libhakmem.so")
    symlink("usr/../usr/lib", "\(scratch.path)/lib")
    let scope = SymbolScope(
      loaded: [
        LoadedObject(path: "/bin/program", soname: "program"),
        LoadedObject(path: "/opt/lib/libhakmem.so.0.1.0", soname: "libhakmem.so.0"),
      ],
      program: "/bin/program", preload: [entry], root: ProcessRoot(folder: scratch.path))
    #expect(scope.objects.map(\.soname) == ["program", "libhakmem.so.0"])
  }

  @Test func linksThatFormALoopLeadNowhere() {
    let scratch = Scratch()
    symlink("b", "\(scratch.path)/a")
    symlink("a", "\(scratch.path)/b")
    let root = ProcessRoot(folder: scratch.path)
    #expect(root.resolved("/a") == nil)
    #expect(root.resolved("/x/./y/../z") == "/x/z")
  }
}
