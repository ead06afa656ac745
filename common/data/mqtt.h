// common/data/mqtt.h
//
// Lines that arrive as MQTT messages, of one or more lines each, from a broker (MQTT 3.1.1, libmosquitto). Reconnects
// by itself. In a build without libmosquitto asking for a subscription is refused with a word on what to install.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/data/line_source.h"

namespace tributary::data {

struct MqttOptions {
  std::string host = {};
  std::uint16_t port = 1883;
  bool tls = false;
  std::string topic = {};      // wildcards + and # as MQTT has them
  std::uint32_t qos = 1;       // 0, 1 or 2
  std::string client_id = {};  // given: the broker keeps what arrives while we are away; empty = a clean session
  std::string user = {};
  Path password_file = {};          // its first line
  Path ca = {};                     // PEM; needed with tls
  Path certificate = {}, key = {};  // PEM, where the broker asks for them
};

// "mqtt://HOST[:PORT]/TOPIC" (port 1883) or "mqtts://..." (TLS, port 8883) into `options`. Throws Malformed saying what
// is wrong.
void parse_mqtt(std::string_view address, MqttOptions& options);

// Throws Unsupported (built without MQTT), Malformed (a file or option of no use), Unavailable (no broker there, or it
// refuses the credentials). Later losses are waited out. `clock` must outlive the source.
std::unique_ptr<LineSource> subscribe_mqtt(const MqttOptions& options, const Clock& clock);

}  // namespace tributary::data
