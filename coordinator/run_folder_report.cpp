#include "coordinator/run_folder.h"

namespace tributary::coordinator {

void RunFolder::write_report(const Report& report) {
  write_atomically(*files_, path_ / "report.json", as_bytes(report_json(report)));
  write_atomically(*files_, path_ / "report.html", as_bytes(report_html(report)));
}

}  // namespace tributary::coordinator
