import HakmemWorkloadsSystem

/// From "key=value" arguments to a finished run.
package struct Execution<Program: Workload> {
  /// Runs the workload with these arguments. Wrong ones end the process.
  package static func run(
    arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, count: Int
  ) -> UnsafeMutablePointer<Run> {
    var parameters = Parameters(
      .read, workload: Program.name, arguments: arguments, count: count,
      output: TextBuffer(descriptor: 2))
    let options = Options(&parameters, defaults: Program.defaults, hasFloor: Program.hasFloor)
    let program = Mapping.table(of: Program.self, count: 1)
    program.initialize(to: Program(&parameters, options: options))
    if let unknown = parameters.unknown { refuse(unknown, arguments: arguments) }
    let run = Mapping.table(of: Run.self, count: 1)
    run.initialize(
      to: Run(
        options: options, floorBlocks: program.pointee.floorBlocks,
        samplesMemory: Program.samplesMemory))
    if Program.hasFloor && options.floor {
      Runner<Program, FloorCalls>.execute(run, program)
    } else if options.latency {
      Runner<Program, TimedCalls>.execute(run, program)
    } else {
      Runner<Program, PlainCalls>.execute(run, program)
    }
    return run
  }

  /// Runs the workload and reports.
  package static func runAndReport(
    arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, count: Int
  ) {
    let result = run(arguments: arguments, count: count)
    var json = Report.begin(result, name: Program.name, unit: Program.unit)
    json.output.append("{")
    var parameters = Parameters(
      .report, workload: Program.name, arguments: arguments, count: count, output: json.output)
    _ = Program(&parameters, options: result.pointee.options)
    _ = Options(&parameters, defaults: Program.defaults, hasFloor: Program.hasFloor)
    json.output = parameters.output
    json.output.append("}")
    Report.end(result, &json)
  }

  /// One line: name, unit, help, parameters with their defaults.
  package static func describe(_ output: inout TextBuffer) {
    output.append(Program.name)
    output.append("\t")
    output.append(Program.unit)
    output.append("\t")
    output.append(Program.help)
    output.append("\t")
    listParameters(&output)
    output.append("\n")
  }

  private static func listParameters(_ output: inout TextBuffer) {
    var parameters = Parameters(
      .list, workload: Program.name, arguments: noArguments, count: 0, output: output)
    // The workload's own parameters first; they may depend on the common ones' defaults.
    var silent = Parameters(
      .read, workload: Program.name, arguments: noArguments, count: 0, output: output)
    let options = Options(&silent, defaults: Program.defaults, hasFloor: Program.hasFloor)
    _ = Program(&parameters, options: options)
    _ = Options(&parameters, defaults: Program.defaults, hasFloor: Program.hasFloor)
    output = parameters.output
  }

  /// Never read: there are no arguments.
  private static var noArguments: UnsafePointer<UnsafeMutablePointer<CChar>?> {
    UnsafePointer(bitPattern: 8).unsafelyUnwrapped
  }

  private static func refuse(
    _ argument: CText, arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>
  ) -> Never {
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: ")
    text.append(Program.name)
    text.append(": unknown parameter '")
    text.append(argument)
    text.append("'; valid ones with their defaults: ")
    listParameters(&text)
    text.append("\n")
    text.flush()
    _exit(ExitStatus.badArguments)
  }
}
