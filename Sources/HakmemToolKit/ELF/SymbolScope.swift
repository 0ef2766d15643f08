/// The global scope of a process: the objects in which the loader looks a symbol up, in order.
package struct SymbolScope: Sendable {
  /// The program, what is preloaded, then what they need, breadth first.
  package let objects: [LoadedObject]
  /// Mapped objects that no other one needs: loaded by dlopen, and searched for their own symbols
  /// after the global scope.
  package let opened: [LoadedObject]
  /// Those of the objects that LD_PRELOAD and /etc/ld.so.preload name.
  package let preloaded: [LoadedObject]

  /// Orders objects as the loader does.
  ///
  /// - Parameters:
  ///   - loaded: All objects of the process; the order does not matter.
  ///   - program: Path of the program's own file.
  ///   - preload: Entries of LD_PRELOAD and /etc/ld.so.preload, or paths, in order.
  ///   - root: Where links are followed: a name may be that of a link to the object.
  package init(
    loaded: [LoadedObject], program: String, preload: [String], root: ProcessRoot
  ) {
    var rest = loaded
    var order: [LoadedObject] = []
    func take(_ name: String) {
      guard !order.contains(where: { $0.answers(to: name) }) else { return }
      let index =
        rest.firstIndex { $0.answers(to: name) }
        ?? rest.firstIndex { $0.isReached(by: name, root: root) }
      if let index { order.append(rest.remove(at: index)) }
    }
    if let index = rest.firstIndex(where: { $0.path == program }) {
      order.append(rest.remove(at: index))
    }
    let programs = order.count
    preload.forEach(take)
    preloaded = Array(order[programs...])
    var next = 0
    while next < order.count {
      order[next].needed.forEach(take)
      next += 1
    }
    objects = order
    opened = rest
  }

  /// A scope whose order the loader itself has told.
  ///
  /// - Parameter preload: Entries of LD_PRELOAD and /etc/ld.so.preload, which the loader tells with
  ///   their folders.
  package init(inOrder objects: [LoadedObject], preload: [String] = []) {
    self.objects = objects
    opened = []
    preloaded = objects.filter { object in preload.contains(where: object.answers) }
  }

  /// The object that serves a symbol to everyone, or nil.
  package func server(of symbol: String) -> LoadedObject? {
    objects.first { $0.symbols.defined.contains(symbol) }
  }

  /// The first object that was linked with another one, or nil.
  package func user(of object: LoadedObject) -> LoadedObject? {
    (objects + opened).first { $0.needed.contains(where: object.answers) }
  }

  /// Whether any object calls a symbol that another object has to define.
  package func isNeeded(_ symbol: String) -> Bool {
    (objects + opened).contains {
      $0.symbols.needed.contains(symbol) && !$0.symbols.defined.contains(symbol)
    }
  }
}
