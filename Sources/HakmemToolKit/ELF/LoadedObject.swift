/// A program or library that a process has loaded, or will load.
package struct LoadedObject: Equatable, Sendable {
  package var path: String
  /// The name under which others need it.
  package var soname: String
  package var needed: [String]
  /// Allocation functions that the loader finds here, and those that the object calls.
  package var symbols: ELFFile.Symbols
  /// Why the file could not be read, or nil.
  package var problem: String?

  package init(
    path: String, soname: String, needed: [String] = [], symbols: ELFFile.Symbols = .init(),
    problem: String? = nil
  ) {
    self.path = path
    self.soname = soname
    self.needed = needed
    self.symbols = symbols
    self.problem = problem
  }

  /// Reads an object's dynamic table.
  ///
  /// - Parameters:
  ///   - path: The path that reports name.
  ///   - file: Where to read it, when that is another place (/proc/PID/root…).
  /// - Returns: nil when the file is not ELF, as fonts and locales that are mapped too.
  package static func read(_ path: String, file: String? = nil) -> LoadedObject? {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    do {
      let elf = try ELFFile(path: file ?? path)
      let dynamic = elf.dynamic
      return LoadedObject(
        path: path, soname: dynamic?.soname ?? name, needed: dynamic?.needed ?? [],
        symbols: elf.dynamicSymbols(among: Set(AllocationFunctions.symbols)))
    } catch ELFFile.Failure.notELF {
      return nil
    } catch {
      return LoadedObject(path: path, soname: name, problem: "\(error)")
    }
  }

  /// Whether a DT_NEEDED entry or a LD_PRELOAD entry with this text loads this object.
  func answers(to name: String) -> Bool {
    name == soname || name == path || path.hasSuffix("/" + name)
  }

  /// Whether such an entry is a link to this object. The links to a library lie beside it: there a
  /// name without a folder is looked for.
  func isReached(by name: String, root: ProcessRoot) -> Bool {
    let folder = path.prefix(through: path.lastIndex(of: "/") ?? path.startIndex)
    return root.resolved(name.contains("/") ? name : folder + name) == path
  }
}
