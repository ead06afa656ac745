// tests/simulations/support.h
//
// Well-formedness of a page of ours.
#pragma once

#include <string>
#include <string_view>

#include "tests/support.h"

namespace tributary::simulation {

// Why a fragment of our HTML is not well-formed: an element closed that is not open, one left open, a quote left open,
// a bare & or <. Empty when it is. Void elements (<meta>, <link>) need no end; <style> and <script> are not looked
// into.
std::string fault_of_html(std::string_view html);

}  // namespace tributary::simulation
