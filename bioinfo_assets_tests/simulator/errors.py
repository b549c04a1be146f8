"""Error answers of the services."""


class ApiError(Exception):
    """An error answer: HTTP status, message, and the code in `error.response["Error"]["Code"]` of boto3."""

    def __init__(self, message: str, code: str = "ClientException", status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status
