import CHakmemToolSystem
import Foundation

/// A program that a user wants to run: its file, and whether a preloaded library can serve it.
package struct ProgramFile: Sendable {
  /// The file to execute.
  package let path: String
  /// The ELF file that will run: the program itself, or the interpreter of a script.
  package let binary: String
  /// The interpreters that were followed, the outermost first; empty for an ELF program.
  package let interpreters: [String]

  /// Scripts whose interpreter is a script, and so on: the kernel's own limit is about this.
  private static let maximumDepth = 5

  /// Finds a program as execvp(3) does, and follows "#!" lines to the ELF file.
  ///
  /// - Throws: `Refusal` when there is none or it cannot be executed.
  package init(named name: String, searchPath: String?) throws {
    path = try ProgramFile.find(name, searchPath: searchPath)
    var interpreters: [String] = []
    var current = path
    while let next = try ProgramFile.interpreter(of: current, searchPath: searchPath) {
      guard interpreters.count < ProgramFile.maximumDepth else {
        throw Refusal(.unsuitable, "\(path) cannot be run: its interpreters form a loop.")
      }
      guard access(next, X_OK) == 0 else {
        throw Refusal(.unsuitable, "\(current) cannot be run: its interpreter \(next) is missing.")
      }
      interpreters.append(next)
      current = next
    }
    self.interpreters = interpreters
    binary = current
  }

  /// Checks that the loader will put `library` into the program.
  ///
  /// - Throws: `Refusal` that says what stands in the way.
  package func checkPreloadable(library: String) throws {
    let about = binary == path ? path : "\(path) runs on \(binary), which"
    let subject = binary == path ? "\(path) is" : "\(about) is"
    func refuse(_ text: String) -> Refusal { Refusal(.unsuitable, text) }
    if ProgramFile.isPrivileged(binary) {
      throw refuse(
        "\(subject) setuid, setgid or has file capabilities: the loader ignores LD_PRELOAD for "
          + "such programs.")
    }
    let program: ELFFile
    let own: ELFFile
    do { program = try ELFFile(path: binary) } catch {
      throw refuse("\(binary) \(error): it is no program that HAKMEM could serve.")
    }
    do { own = try ELFFile(path: library) } catch {
      throw Refusal(.missingLibrary, "\(library) \(error).")
    }
    guard program.architecture == own.architecture else {
      throw refuse(
        "\(subject) made for \(program.architecture), the library for \(own.architecture).")
    }
    guard let loader = program.interpreter else {
      throw refuse(
        program.isStaticProgram
          ? "\(subject) statically linked: no loader runs that could put HAKMEM into it. "
            + "Link it with libhakmem.so, or dynamically."
          : "\(subject) not a program: its ELF type is \(program.type).")
    }
    let needsGlibc = own.dynamic?.needed.contains("libc.so.6") ?? false
    if needsGlibc && loader.contains("ld-musl") {
      throw refuse("\(subject) linked with musl (\(loader)), the library with glibc.")
    }
    guard access(loader, X_OK) == 0 else {
      throw refuse("\(subject) not runnable here: its loader \(loader) is missing.")
    }
  }

  /// Whether the kernel gives the program rights that its caller may lack, so that the loader
  /// does not trust the environment.
  package static func isPrivileged(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    return status.st_mode & (S_ISUID | S_ISGID) != 0 || hakmem_tool_has_capabilities(path)
  }

  // MARK: Finding

  private static func find(_ name: String, searchPath: String?) throws -> String {
    if name.contains("/") {
      try checkExecutable(name)
      return name
    }
    var unusable: Refusal?
    for folder in (searchPath ?? "/bin:/usr/bin").split(
      separator: ":", omittingEmptySubsequences: false)
    {
      let candidate = folder.isEmpty ? "./\(name)" : "\(folder)/\(name)"
      do {
        try checkExecutable(candidate)
        return candidate
      } catch let refusal as Refusal {
        if refusal.kind == .unsuitable { unusable = unusable ?? refusal }
      }
    }
    throw unusable ?? Refusal(.notFound, "There is no program \(name) in PATH.")
  }

  private static func checkExecutable(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let kind: Refusal.Kind = errno == ENOENT || errno == ENOTDIR ? .notFound : .unsuitable
      throw Refusal(kind, "\(path) cannot be run: \(String(cString: strerror(errno))).")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Refusal(.unsuitable, "\(path) cannot be run: it is not a file.")
    }
    guard access(path, X_OK) == 0 else {
      throw Refusal(.unsuitable, "\(path) is not executable: chmod +x would make it so.")
    }
  }

  /// The program on the "#!" line, with `env NAME` resolved; nil for an ELF file.
  private static func interpreter(of path: String, searchPath: String?) throws -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    // A program that may be executed but not read: what it is shows when it is run.
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = max(0, read(descriptor, &buffer, buffer.count))
    let start = buffer[..<count]
    if start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) { return nil }
    guard start.starts(with: Array("#!".utf8)) else {
      throw Refusal(
        .unsuitable, "\(path) is not a program: it is no ELF file and has no \"#!\" line.")
    }
    let line = String(decoding: start.dropFirst(2).prefix { $0 != 10 }, as: UTF8.self)
    let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }.map(String.init)
    guard let first = words.first else {
      throw Refusal(.unsuitable, "\(path) is not a program: its \"#!\" line is empty.")
    }
    guard first.hasSuffix("/env") else { return first }
    guard let name = words.dropFirst().first(where: { !$0.hasPrefix("-") && !$0.contains("=") })
    else { return first }
    return try find(name, searchPath: searchPath)
  }
}
