import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// What can be done with a workload whose type is known by its place in the table.
private protocol WorkloadVisitor {
  mutating func visit<Program: Workload>(_ program: Program.Type)
}

/// All workloads, in the order of the list.
///
/// The functions are not generic: what they do with each workload is compiled once, here.
package enum WorkloadTable {
  /// Runs the workload with this name and reports; false when there is none.
  @export(interface)
  package static func run(
    _ name: CText, arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, count: Int
  ) -> Bool {
    var visitor = RunVisitor(name: name, arguments: arguments, count: count)
    visitAll(&visitor)
    return visitor.found
  }

  /// Describes each workload on a line.
  @export(interface)
  package static func list(to output: inout TextBuffer) {
    var visitor = ListVisitor(output: output)
    visitAll(&visitor)
    output = visitor.output
  }

  /// Writes the names, separated by commas.
  @export(interface)
  package static func writeNames(to output: inout TextBuffer) {
    var visitor = NameVisitor(output: output)
    visitAll(&visitor)
    output = visitor.output
  }

  private static func visitAll<Visitor: WorkloadVisitor>(_ visitor: inout Visitor) {
    var index = 0
    while visit(index, &visitor) { index += 1 }
  }

  /// Visits the workload number `index`; false when there is none.
  private static func visit<Visitor: WorkloadVisitor>(_ index: Int, _ visitor: inout Visitor)
    -> Bool
  {
    switch index {
    case 0: visitor.visit(RandomMixed.self)
    case 1: visitor.visit(TinyHot.self)
    case 2: visitor.visit(Exchange.self)
    case 3: visitor.visit(ProducerConsumer.self)
    case 4: visitor.visit(Larson.self)
    case 5: visitor.visit(Pipeline.self)
    case 6: visitor.visit(FalseSharingActive.self)
    case 7: visitor.visit(FalseSharingPassive.self)
    case 8: visitor.visit(ThreadChurn.self)
    case 9: visitor.visit(MediumChurn.self)
    case 10: visitor.visit(LargeChurn.self)
    case 11: visitor.visit(ZeroedChurn.self)
    case 12: visitor.visit(AlignedChurn.self)
    case 13: visitor.visit(Borders.self)
    case 14: visitor.visit(ReallocGrowth.self)
    case 15: visitor.visit(Fragment.self)
    case 16: visitor.visit(FillFree.self)
    case 17: visitor.visit(Ageing.self)
    case 18: visitor.visit(BurstIdle.self)
    case 19: visitor.visit(SleepingThreads.self)
    case 20: visitor.visit(ForkHeavy.self)
    case 21: visitor.visit(ProcessStart.self)
    case 22: visitor.visit(TraceReplay.self)
    default: return false
    }
    return true
  }
}

private struct RunVisitor: WorkloadVisitor {
  let name: CText
  let arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>
  let count: Int
  var found = false

  mutating func visit<Program: Workload>(_ program: Program.Type) {
    guard !found, name == Program.name else { return }
    found = true
    Execution<Program>.runAndReport(arguments: arguments, count: count)
  }
}

private struct ListVisitor: WorkloadVisitor {
  var output: TextBuffer

  mutating func visit<Program: Workload>(_ program: Program.Type) {
    Execution<Program>.describe(&output)
  }
}

private struct NameVisitor: WorkloadVisitor {
  var output: TextBuffer
  var isFirst = true

  init(output: TextBuffer) { self.output = output }

  mutating func visit<Program: Workload>(_ program: Program.Type) {
    if !isFirst { output.append(", ") }
    isFirst = false
    output.append(Program.name)
  }
}
