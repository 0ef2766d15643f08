/// What the objects of a process say about its allocator.
package enum ScopeFindings {
  /// The findings for a process or program.
  ///
  /// - Parameters:
  ///   - scope: Its objects.
  ///   - isRunning: Whether it runs already; a remedy then is a restart.
  package static func findings(_ scope: SymbolScope, isRunning: Bool) -> [Finding] {
    var findings = [server(scope, isRunning: isRunning)]
    findings += splitHeap(scope)
    findings += sanitizers(scope)
    findings += secondAllocators(scope)
    findings += glibcStatistics(scope)
    for object in scope.objects + scope.opened {
      guard let problem = object.problem else { continue }
      findings.append(Finding(.warning, "unreadable", "\(object.path) \(problem)."))
    }
    return findings
  }

  private static func server(_ scope: SymbolScope, isRunning: Bool) -> Finding {
    guard let server = scope.server(of: "malloc") else {
      return Finding(
        .problem, "server", "No loaded object defines malloc.",
        remedy: "Is the program statically linked, or not a C program?")
    }
    if Serving.kind(server) == "HAKMEM" {
      return Finding(.ok, "server", "malloc comes from \(server.path).")
    }
    return Finding(
      .problem, "server", "malloc comes from \(server.path), not from HAKMEM.",
      remedy: isRunning
        ? "Start it anew with hakmem run -- PROGRAM." : "Run it with hakmem run -- PROGRAM.")
  }

  /// Two libraries between malloc and free: one gets pointers that the other made.
  private static func splitHeap(_ scope: SymbolScope) -> [Finding] {
    guard let malloc = scope.server(of: "malloc") else { return [] }
    let strays = AllocationFunctions.c.filter { symbol in
      guard let server = scope.server(of: symbol) else { return false }
      return server.path != malloc.path && Serving.kind(server) != "loader"
    }
    guard !strays.isEmpty else { return [] }
    let isCore = strays.contains { AllocationFunctions.core.contains($0) }
    return [
      Finding(
        isCore ? .problem : .warning, "split",
        "\(strays.joined(separator: ", ")) come from another library than malloc: blocks of one "
          + "heap reach the other.",
        remedy: "Load one allocator only.")
    ]
  }

  private static func sanitizers(_ scope: SymbolScope) -> [Finding] {
    (scope.objects + scope.opened).filter { Serving.kind($0).hasSuffix("Sanitizer") }.map {
      Finding(
        .problem, "sanitizer",
        "\(Serving.kind($0)) is loaded (\($0.path)): it must serve malloc itself to see errors.",
        remedy: "Run the build without sanitizers on HAKMEM.")
    }
  }

  private static func secondAllocators(_ scope: SymbolScope) -> [Finding] {
    let serving = scope.server(of: "malloc")
    let quiet = Serving.kindsWithoutHeap.union(["glibc", "musl", "HAKMEM"])
    return (scope.objects + scope.opened).filter { object in
      let kind = Serving.kind(object)
      return object.symbols.defined.contains("malloc") && object.path != serving?.path
        && !quiet.contains(kind) && !kind.hasSuffix("Sanitizer")
    }.map { secondAllocator($0, scope, serving) }
  }

  private static func secondAllocator(
    _ object: LoadedObject, _ scope: SymbolScope, _ serving: LoadedObject?
  ) -> Finding {
    let kind = Serving.kind(object)
    let about = "\(object.path) (\(kind))"
    if scope.preloaded.contains(object) {
      return Finding(
        .warning, "second", "\(about) is preloaded too; its own calls may stay with it.",
        remedy: "Remove it from LD_PRELOAD or /etc/ld.so.preload.")
    }
    guard let user = scope.user(of: object) else {
      return Finding(
        .warning, "second", "\(about) brings a malloc too; its own calls may stay with it.")
    }
    let name = kind == "other" ? "that library" : kind
    return Finding(
      .note, "second",
      "\(user.path) is linked with \(about). Calls of malloc go to "
        + "\(serving?.path ?? "no library"); calls by names that only \(name) has"
        + "\(ownNames[kind].map { " (\($0))" } ?? "") stay there, and the statistics of \(name) "
        + "tell of its own heap alone.")
  }

  /// A function that an allocator has beside the standard ones.
  private static let ownNames = [
    "jemalloc": "mallctl", "tcmalloc": "tc_malloc", "mimalloc": "mi_malloc", "rpmalloc": "rpmalloc",
  ]

  /// With another allocator in front, glibc's statistics describe an empty heap.
  private static func glibcStatistics(_ scope: SymbolScope) -> [Finding] {
    guard let malloc = scope.server(of: "malloc"), Serving.kind(malloc) != "glibc" else {
      return []
    }
    let names = AllocationFunctions.introspection.filter { symbol in
      scope.server(of: symbol).map { Serving.kind($0) == "glibc" } ?? false
    }
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .note, "introspection",
        "\(names.joined(separator: ", ")) stay with glibc, whose heap is empty.")
    ]
  }
}
