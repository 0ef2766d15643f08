import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// What can be done with a workload whose type is known by its place in the table.
package protocol WorkloadVisitor {
  mutating func visit<Program: Workload>(_ program: Program.Type)
}

/// All workloads, in the order of the list.
package enum WorkloadTable {
  /// Visits the workload number `index`; false when there is none.
  package static func visit<Visitor: WorkloadVisitor>(_ index: Int, _ visitor: inout Visitor)
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

/// Runs the workload that has a given name, and reports.
package struct RunVisitor: WorkloadVisitor {
  private let name: CText
  private let arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int
  package private(set) var found = false

  package init(
    name: CText, arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, count: Int
  ) {
    self.name = name
    self.arguments = arguments
    self.count = count
  }

  package mutating func visit<Program: Workload>(_ program: Program.Type) {
    guard name == Program.name else { return }
    found = true
    Execution<Program>.runAndReport(arguments: arguments, count: count)
  }
}

/// Describes each workload on a line.
package struct ListVisitor: WorkloadVisitor {
  package var output: TextBuffer

  package init(output: TextBuffer) { self.output = output }

  package mutating func visit<Program: Workload>(_ program: Program.Type) {
    Execution<Program>.describe(&output)
  }
}

/// Writes the names, separated by commas.
package struct NameVisitor: WorkloadVisitor {
  package var output: TextBuffer
  private var isFirst = true

  package init(output: TextBuffer) { self.output = output }

  package mutating func visit<Program: Workload>(_ program: Program.Type) {
    if !isFirst { output.append(", ") }
    isFirst = false
    output.append(Program.name)
  }
}
