// ESP32 DevKit with SIM7600 module
#define MICROPY_HW_BOARD_NAME "ESP32 DevKit with SIM7600 module"
#define MICROPY_HW_MCU_NAME "ESP32"
// The locator speaks through its modem.
#define MICROPY_PY_BLUETOOTH (0)
#define MICROPY_PY_ESPNOW (0)
#define MICROPY_VFS_ROM (1)
