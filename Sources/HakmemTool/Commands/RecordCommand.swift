import ArgumentParser
import Foundation
import HakmemToolKit

/// `hakmem record`.
struct RecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Records the allocation calls of a program, for replay on every allocator.",
    discussion: """
      The program runs on HAKMEM and writes a trace of every call. Its input and output are its own; \
      what was recorded is said on stderr at its end. The trace holds sizes, order and threads, not \
      contents, and is whole however the program ends.

      Examples:
        hakmem record -- python3 job.py            into python3.trace
        hakmem bench --trace python3.trace         on HAKMEM and every other allocator
        hakmem record --output cc.%p.trace -- gcc -c big.c

      Programs that the program starts are recorded only when the file's name has %p, which each \
      replaces by the number of its process.

      Exit status: that of the program; 1 when the file cannot be written, 125 when the library is \
      missing or an option is wrong, 126 when the program cannot be run on HAKMEM, 127 when there \
      is no such program.
      """)

  @Option(
    help: ArgumentHelp("The trace's file (PROGRAM.trace); %p: process number.", valueName: "file"),
    completion: .file())
  var output: String?

  @OptionGroup var program: ProgramArguments

  func run() throws {
    let program = try program.prepare(for: self)
    let name = TraceName(path: output, program: program.words[0])
    try name.check()
    var environment = program.environment
    environment["HAKMEM_RECORD"] = name.pattern
    let start = Date()
    let ending = try ForegroundProcess.run(
      path: program.file.path, words: program.words, environment: environment)
    summarize(name.files(since: start))
    ForegroundProcess.end(as: ending)
  }

  private func summarize(_ files: [String]) {
    let here = FileManager.default.currentDirectoryPath + "/"
    var recorded: [String] = []
    for file in files {
      TraceHeader.trim(path: file)
      guard let header = TraceHeader(path: file), header.calls > 0 else { continue }
      let path = file.hasPrefix(here) ? String(file.dropFirst(here.count)) : file
      Terminal.complain(
        "recorded \(header.calls) calls of "
          + "\(header.threads) thread\(header.threads == 1 ? "" : "s") "
          + "in \(path) (\(Figures.bytes(header.byteCount)))")
      recorded.append(Preload.quoted(path))
    }
    if recorded.isEmpty { return Terminal.complain("no call was recorded") }
    let arguments = recorded.map { "--trace \($0)" }.joined(separator: " ")
    Terminal.complain("replay: hakmem bench \(arguments)")
  }
}
